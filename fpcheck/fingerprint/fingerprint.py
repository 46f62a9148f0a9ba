"""The fingerprint: all that is measured of one model."""

from msgspec.structs import replace

from fpcheck.codec import Value
from fpcheck.fingerprint.accuracy import Accuracy
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.outputs import Outputs
from fpcheck.fingerprint.structure import Structure, content_id


class Fingerprint(Value, frozen=True, eq=False):
    """All that is measured of one model; a level that was not taken is None.

    Attributes:
        structure: layers and what feeds what.
        weights: one measurement for each of `structure.tensors`, in order.
        outputs: answers to probes.
        accuracy: predictions on labelled data.
    """

    structure: Structure
    weights: tuple[Measurement, ...] | None = None
    outputs: Outputs | None = None
    accuracy: Accuracy | None = None

    @property
    def content_id(self) -> bytes | None:
        """The id of the weights; None where they were not taken."""
        if self.weights is None:
            return None
        return content_id(self.structure, [m.digest for m in self.weights])

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels that it holds."""
        held = (self.structure, self.weights, self.outputs)
        return tuple(n for n, part in zip(LEVELS, held, strict=True) if part is not None)

    @property
    def described(self) -> str:
        """Its levels and its size, in a few words."""
        layers, parameters = len(self.structure.layers), self.structure.parameters
        return f"{', '.join(self.levels)}; {layers:,} layers, {parameters:,} parameters"

    def __repr__(self) -> str:
        return f"<Fingerprint: {self.described}>"

    def restricted(self, structure: Structure) -> "Fingerprint":
        """The same with another structure, whose tensors are some of its own, in any order."""
        if self.weights is None:
            return replace(self, structure=structure)
        held = measured_by_place(self)
        weights = tuple(held[layer.path, tensor.index] for layer, tensor in structure.tensors)
        return replace(self, structure=structure, weights=weights)


def measured_by_place(fingerprint: Fingerprint) -> dict[tuple[str, int], Measurement]:
    """What was measured of each tensor, by its layer's path and its place in the layer."""
    places = [(layer.path, tensor.index) for layer, tensor in fingerprint.structure.tensors]
    return dict(zip(places, fingerprint.weights, strict=True)) if fingerprint.weights else {}
