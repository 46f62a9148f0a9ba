"""What the child that reads a model file returns."""

from fpcheck.codec import Value
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import Layer, Structure
from fpcheck.fingerprint.undone import Undone


class Reading(Value, frozen=True, eq=False):
    """All that was read of a file.

    Attributes:
        structure: its layers; `not_stored` names what the format does not store.
        weights: a measurement for each of `structure.tensors`, in order.
        words: some of the words in its vocabularies.
        undone: what happened to each tensor that was asked about.
        others: names and digests of tensors in the file that are not the model's, such as the
            optimizer's variables; only where `undone` was asked for.
        weightless: for a file of weights alone, layers that it names without any tensor.
    """

    format: str
    structure: Structure
    weights: tuple[Measurement, ...]
    words: tuple[str, ...]
    notes: tuple[str, ...]
    undone: tuple[Undone | None, ...] = ()
    others: tuple[tuple[str, bytes], ...] = ()
    weightless: tuple[Layer, ...] = ()
