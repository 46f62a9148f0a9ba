"""The result of a recording."""

import msgspec

from fpcheck.codec import Value
from fpcheck.golden.golden import Golden
from fpcheck.report.report import Report, with_python_names
from fpcheck.wording import in_python


class Recording(Value, frozen=True, eq=False):
    """What became of a recording.

    Attributes:
        golden: the stored one; the newest version where nothing was stored.
        stored: whether a version was added.
        changes: against the version before; None for a first version.
        warnings: what a person should know of the new golden.
        edited: what was changed in the newest version where none was added: `note`, `tolerances`.
    """

    golden: Golden
    stored: bool
    changes: Report | None
    warnings: tuple[str, ...]
    edited: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """What became of it, in a few words."""
        if self.stored:
            return "stored"
        if self.edited:
            return f"nothing stored but the {' and '.join(self.edited)}"
        return "nothing stored: the newest version says the same"

    def __repr__(self) -> str:
        return f"<Recording {self.golden.label}: {self.outcome}; {len(self.warnings)} warnings>"

    def _repr_html_(self) -> str:
        from fpcheck.notebook import table

        warnings = [("warning", warning) for warning in self.warnings[:5]]
        more = len(self.warnings) - len(warnings)
        return table(
            f"{self.golden.label}: {self.outcome}",
            [*self.golden.rows, *warnings, ("", f"{more} more warnings" if more else "")],
        )


def told_in_python(recording: Recording) -> Recording:
    """A recording whose texts name the arguments of the Python API."""
    changes = recording.changes
    return msgspec.structs.replace(
        recording,
        changes=changes and with_python_names(changes),
        warnings=tuple(map(in_python, recording.warnings)),
    )
