"""The report: the outcome of a comparison, as Python and its users see it."""

import time

from msgspec.structs import replace

from fpcheck.comparison.verdict import LevelResult
from fpcheck.fingerprint.levels import Level
from fpcheck.report.result import Result
from fpcheck.wording import in_python


class MismatchError(AssertionError):
    """Raised by `Report.assert_match`; its text is what the console prints."""


class Report(Result, frozen=True):
    """The outcome of a comparison: see `Result` for its attributes."""

    def assert_match(self) -> None:
        """Raise unless the verdict is `match`.

        Raises:
            MismatchError: an AssertionError whose text is what the console prints.
        """
        if self.verdict != "match":
            raise MismatchError(f"\n{self}")

    def __str__(self) -> str:
        from fpcheck.report.text import plain_text  # imports rich, which JSON does not need

        return in_python(plain_text(self))

    def __repr__(self) -> str:
        levels = ", ".join(f"{name} {level.status}" for name, level in self.levels.items())
        causes = "".join(f"; {diagnosis.code}" for diagnosis in self.diagnoses[:3])
        compared = f"{self.candidate.source} with {self.golden.label}"
        return f"<Report {self.verdict}: {compared}; {levels}{causes}>"

    def _repr_html_(self) -> str:
        from fpcheck.notebook import table

        levels = [
            (name, f"{level.status} ({level.reason})" if level.reason else level.status)
            for name, level in self.levels.items()
        ]
        rows: list[tuple[str, object]] = [
            ("candidate", f"{self.candidate.source} ({self.candidate.format})"),
            ("golden", f"{self.golden.label}, {self.golden.why}"),
            *levels,
            ("first divergent layer", self.first_divergent_layer),
            *((cause.code, f"{cause.summary} {cause.advice}") for cause in self.diagnoses[:5]),
        ]
        return table(self.verdict, rows)


def timed(report: Report, start: float) -> Report:
    """The report with the time from `start` (of `time.monotonic`) until now."""
    return replace(report, elapsed_seconds=round(time.monotonic() - start, 3))


def with_python_names(report: Report) -> Report:
    """The report with the arguments of the Python API in its texts, instead of options."""
    levels: dict[Level, LevelResult] = {
        name: replace(level, reason=in_python(level.reason)) if level.reason else level
        for name, level in report.levels.items()
    }
    return replace(
        report,
        golden=replace(report.golden, why=in_python(report.golden.why)),
        levels=levels,
        diagnoses=[replace(one, advice=in_python(one.advice)) for one in report.diagnoses],
        notes=[in_python(note) for note in report.notes],
    )
