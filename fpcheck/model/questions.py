"""What a model is asked: what it contains, and what it answers when it is run.

The signature of a question is all that the two sides of a worker need to know of it: a question
crosses as the name of a method and its packed arguments.
"""

from inspect import signature
from typing import Any, Protocol

from fpcheck.codec import Array, Value, pack
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.outputs import Answer, Noise, Outputs, Reach
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.model.source import Options, Source


class Contents(Protocol):
    """Answers what a model contains."""

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


class OutputRequest(Value, frozen=True, eq=False):
    """How to run a model on probes.

    Attributes:
        probes: the inputs.
        preprocess: how to prepare them.
        recording: also measure noise and the effects of the usual mistakes.
        allowed: the difference that a comparison will allow; sensitivity is judged by it.
    """

    probes: Probes
    preprocess: str
    recording: bool = False
    allowed: float = 1e-4


IMAGENET_CLASSES = 1000


class Label(Value, frozen=True):
    """A class of ImageNet: its WordNet id (`n02123045`), which names its folder, and its name."""

    wordnet_id: str
    name: str


class LiveModel(Contents, Protocol):
    """A model in memory, here or in a worker: it can be read, and run."""

    def outputs(self, request: OutputRequest) -> Outputs:
        """Its outputs and activations; UnavailableError where it cannot be run."""

    def answers(self, request: OutputRequest) -> tuple[Answer, ...]:
        """Its outputs alone."""

    def reach(self, request: OutputRequest) -> Reach:
        """Which weighted layers the request's probes do not reach."""

    def noise(self, request: OutputRequest) -> Noise:
        """How much its outputs vary without any change."""

    def predict(self, images: Array, preprocess: str) -> Array:
        """Class scores, float32 (examples, classes), of raw images, shape (examples, ...).

        Raises:
            UnavailableError: the model is no classifier of single images.
        """

    def labels(self) -> tuple[Label, ...]:
        """ImageNet's 1,000 classes in order; empty where the list cannot be had."""


class Host(LiveModel, Protocol):
    """All that a worker answers."""

    def open(self, source: Source, options: Options, architecture_only: bool = False) -> str:
        """Load a source in place of the one that was open; returns the name of its format."""


class Question(Value, frozen=True):
    """A call of a method of `Host`; its arguments are packed as one tuple."""

    method: str
    arguments: bytes


def question(method: str, *arguments: Any, **named: Any) -> Question:
    """The question that calls a method of `Host`."""
    bound = signature(getattr(Host, method)).bind(None, *arguments, **named)
    bound.apply_defaults()
    return Question(method, pack(bound.args[1:]))
