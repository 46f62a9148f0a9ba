"""The fingerprint: everything that is measured of one model."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from fpcheck.codec import Value
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.accuracy import Accuracy
from fpcheck.fingerprint.layer_names import stable_paths
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.outputs import Outputs
from fpcheck.fingerprint.structure import Structure


class Fingerprint(Value, frozen=True, eq=False):
    """Everything that is measured of one model; a level that was not measured is None.

    `weights` has one measurement for each of `structure.tensors`, in order.
    """

    structure: Structure
    weights: tuple[Measurement, ...] | None = None
    outputs: Outputs | None = None
    accuracy: Accuracy | None = None

    @property
    def content_id(self) -> bytes | None:
        """The id of the weights; None where they were not measured."""
        weights = self.weights
        return None if weights is None else content_id(self.structure, (m.digest for m in weights))

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels that were measured."""
        parts = (self.structure, self.weights, self.outputs)
        return tuple(n for n, part in zip(LEVELS, parts, strict=True) if part is not None)

    @property
    def described(self) -> str:
        """Its levels and its size, in a few words."""
        layers, parameters = len(self.structure.layers), self.structure.parameters
        return f"{', '.join(self.levels)}; {layers:,} layers, {parameters:,} parameters"

    def __repr__(self) -> str:
        return f"<Fingerprint: {self.described}>"

    def restricted(self, structure: Structure) -> "Fingerprint":
        """The fingerprint with another structure that has a subset of the tensors, in any order."""
        weights = self.weights and weights_of(structure, measured_by_place(self))
        return replace(self, structure=structure, weights=weights)


# The path of a layer, and the index of a tensor in it.
TensorPlace = tuple[str, int]
Measured = Mapping[TensorPlace, Measurement]


def measured_by_place(fingerprint: Fingerprint) -> dict[TensorPlace, Measurement]:
    """The measurement of each tensor."""
    places = [(layer.path, tensor.index) for layer, tensor in fingerprint.structure.tensors]
    return dict(zip(places, fingerprint.weights, strict=True)) if fingerprint.weights else {}


def weights_of(structure: Structure, measured: Measured) -> tuple[Measurement, ...]:
    """The measurements of a structure's tensors, in their order."""
    return tuple(measured[layer.path, tensor.index] for layer, tensor in structure.tensors)


def content_id(structure: Structure, digests: Iterable[bytes]) -> bytes:
    """The id of a model's weights: equal weights in equal places give an equal id.

    BLAKE3 of the sorted JSON list of [stable path of the layer, index of the tensor in the layer,
    digest in hexadecimal], over the tensors that weight files contain. It does not depend on roles
    or on running numbers, so every format that names layers gives the same id.
    `digests` has one for each of `structure.tensors`, in order.
    """
    measured = zip(structure.tensors, digests, strict=True)
    stored = [(la.path, t.index, own.hex()) for (la, t), own in measured if not t.derived]
    stable = stable_paths(path for path, _, _ in stored)
    return digest.of_value(sorted([stable[path], index, own] for path, index, own in stored))
