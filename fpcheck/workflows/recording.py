"""The result of a recording, and what a person should know of the new golden."""

from collections.abc import Iterator

from msgspec.structs import replace

from fpcheck.codec import Value
from fpcheck.fingerprint.outputs import Outputs
from fpcheck.fingerprint.probe_values import UNKNOWN_WORDS
from fpcheck.golden.golden import Golden
from fpcheck.keras_config import builtin_layers
from fpcheck.report.report import Report, with_python_names
from fpcheck.wording import in_python, some


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
        rest = [("", f"{more} more warnings")] if more else []
        return table(f"{self.golden.label}: {self.outcome}", [*self.golden.rows, *warnings, *rest])


def told_in_python(recording: Recording) -> Recording:
    """A recording whose texts name the arguments of the Python API."""
    changes, warnings = recording.changes, tuple(map(in_python, recording.warnings))
    return replace(recording, changes=changes and with_python_names(changes), warnings=warnings)


def warnings(golden: Golden) -> tuple[str, ...]:
    """One sentence for each weakness: what the golden cannot show, and what may be wrong."""
    outputs, allowed = golden.fingerprint.outputs, golden.tolerances.bound_of_outputs
    return (*(_of_outputs(outputs, allowed) if outputs else ()), *_of_weights(golden))


def _of_outputs(outputs: Outputs, allowed: float) -> Iterator[str]:
    for path in outputs.reach.unreached:
        yield (
            f"the probes do not test {path}: the outputs did not change when its weights were "
            "replaced"
        )
    if untried := outputs.reach.untried:
        yield (
            f"whether the probes test {some(untried)} is unknown: the trial failed or took too long"
        )
    if any(text.kind == "text" and text.words == UNKNOWN_WORDS for text in outputs.probes.inputs):
        yield (
            "no vocabulary is known, so the text probes contain only unknown words: the outputs "
            "cannot show a changed vocabulary"
        )
    if outputs.noise.largest > allowed:
        yield (
            f"the model is noisy: the same probes differ by {outputs.noise.largest:.2g}, so ten "
            "times that is allowed"
        )


def _of_weights(golden: Golden) -> Iterator[str]:
    structure, weights = golden.fingerprint.structure, golden.fingerprint.weights
    for (layer, tensor), measured in zip(structure.tensors, weights or (), strict=bool(weights)):
        if measured.details and measured.details.statistics.non_finite:
            yield f"{layer.path}/{tensor.role} contains NaN or infinity"
    for layer in structure.layers:
        if layer.custom or layer.tensors or layer.config is None:
            continue
        if builtin_layers.roles(layer.class_name, layer.config, layer.dtype):  # once it is built
            yield (
                f"{layer.path} contains no weights: it was saved before it was built, and Keras "
                "loads it with random weights"
            )
