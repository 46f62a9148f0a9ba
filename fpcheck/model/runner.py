"""What a model answers when it is run."""

from typing import Protocol

from fpcheck.codec import Array, Value
from fpcheck.fingerprint.outputs import Answer, Noise, Outputs, Reach
from fpcheck.fingerprint.probes import Probes
from fpcheck.model.contents import Contents
from fpcheck.model.labels import Label


class OutputPlan(Value, frozen=True, eq=False):
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


class Runner(Protocol):
    """Runs a model.

    A worker takes the types of arguments and results from these signatures; see `worker`.
    """

    def outputs(self, plan: OutputPlan) -> Outputs:
        """Its outputs and activations; UnavailableError where it cannot be run."""

    def answers(self, plan: OutputPlan) -> tuple[Answer, ...]:
        """Its outputs alone."""

    def reach(self, plan: OutputPlan) -> Reach:
        """Which weighted layers the plan's probes do not reach."""

    def noise(self, plan: OutputPlan) -> Noise:
        """How much its outputs vary without any change."""

    def predict(self, images: Array, preprocess: str) -> Array:
        """Class scores, float32 (examples, classes), of raw images, shape (examples, ...).

        Raises:
            UnavailableError: the model is no classifier of single images.
        """

    def labels(self) -> tuple[Label, ...]:
        """ImageNet's classes; empty where the list cannot be had."""


class LiveModel(Contents, Runner, Protocol):
    """A model in memory, here or in a worker: it can be read and run."""
