"""What can be read of a model, from its file or in memory."""

from typing import Protocol

from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undone import Undone, Wanted


class Contents(Protocol):
    """Answers what a model contains.

    A worker takes the types of arguments and results from these signatures; see `worker`.
    """

    def structure(self) -> Structure:
        """Its layers, and how they are connected."""

    def weights(self, known: frozenset[bytes] = frozenset()) -> tuple[Measurement, ...]:
        """Its tensors, measured in the order of `Structure.tensors`; details for unknown ones."""

    def digests(self) -> tuple[bytes, ...]:
        """The digests of its tensors alone, in the same order."""

    def undone(self, wanted: tuple[Wanted, ...]) -> tuple[Undone | None, ...]:
        """What happened to tensors that differ; see `undoing.undo`."""

    def words(self) -> tuple[str, ...]:
        """Words of its vocabularies, a few hundred at most."""
