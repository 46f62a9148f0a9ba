"""What crosses from the child that reads a file to its parent."""

from fpcheck.codec import Value
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import Layer, Structure
from fpcheck.fingerprint.undone import Undone


class Result(Value, frozen=True):
    """What a child says: an answer, or a fact and an advice.

    Attributes:
        answer: what was asked for.
        fact: of the error; empty without one.
        advice: of the error.
        trace: for --debug.
        no_model: whether the error is a `NotAModelError`.
    """

    answer: bytes = b""
    fact: str = ""
    advice: str = ""
    trace: str = ""
    no_model: bool = False


class Reading(Value, frozen=True, eq=False):
    """All that was read of a file.

    Attributes:
        format: the name of its container.
        structure: its layers; what the container does not tell is named in `untold`.
        weights: a measurement for each of `structure.tensors`, in order.
        words: of its vocabularies, some.
        notes: what a person should know.
        undone: what happened to each tensor that was asked about.
        others: names and digests of tensors that the file holds beside the model's, such as the
            optimizer's variables; only where `undone` was asked for.
        bare: of a file of weights alone, layers that it names and of which it holds no tensor.
    """

    format: str
    structure: Structure
    weights: tuple[Measurement, ...]
    words: tuple[str, ...]
    notes: tuple[str, ...]
    undone: tuple[Undone | None, ...] = ()
    others: tuple[tuple[str, bytes], ...] = ()
    bare: tuple[Layer, ...] = ()
