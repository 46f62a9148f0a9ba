"""What crosses between the child that reads a file and its parent."""

from fpcheck.codec import Value
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import Structure


class Job(Value, frozen=True):
    """What a child is to read.

    Attributes:
        descriptor: of the file, open for reading; `NO_FILE` for a remote one.
        label: how messages name it.
        folder: where other files of a model in several lie.
        known: digests whose tensors need no details; None if none need any.
    """

    descriptor: int
    label: str
    folder: str
    known: frozenset[bytes] | None


class Result(Value, frozen=True):
    """What a child says: a packed reading, or a fact and an advice; `trace` is for --debug."""

    reading: bytes = b""
    fact: str = ""
    advice: str = ""
    trace: str = ""


class Reading(Value, frozen=True, eq=False):
    """All that was read of a file.

    Attributes:
        format: the name of its container.
        structure: its layers; what the container does not tell is named in `untold`.
        weights: a measurement for each of `structure.tensors`, in order.
        words: of its vocabularies, some.
        notes: what a person should know.
    """

    format: str
    structure: Structure
    weights: tuple[Measurement, ...]
    words: tuple[str, ...]
    notes: tuple[str, ...]
