"""What can be asked of an opened model, wherever it runs."""

from typing import Protocol

from fpcheck.codec import Array, Value
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.outputs import Answer, Noise, Outputs, Reach
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.model.labels import Label


class OutputPlan(Value, frozen=True, eq=False):
    """How to take the outputs.

    Attributes:
        probes: what to run on.
        preprocess: how to prepare it.
        recording: also measure noise and the usual mistakes.
        allowed: the difference that a comparison will allow; sensitivity is judged by it.
    """

    probes: Probes
    preprocess: str
    recording: bool = False
    allowed: float = 1e-4


class Session(Protocol):
    """An opened model: the name of its format, how it was loaded, and what runs it.

    Attributes:
        format: the name of its format.
        notes: what to know of how it was loaded.
        backend: what it runs on, or would.
    """

    format: str
    notes: list[str]
    backend: str

    def structure(self) -> Structure:
        """Its structure."""

    def weights(self, known: frozenset[bytes] = frozenset()) -> tuple[Measurement, ...]:
        """Its tensors, measured in the order of `Structure.tensors`; details for unknown ones."""

    def digests(self) -> tuple[bytes, ...]:
        """The digests of its tensors alone, in the same order."""

    def undone(self, wanted: tuple[Wanted, ...]) -> tuple[Undone | None, ...]:
        """What happened to tensors that differ; see `undoing.undo`."""

    def words(self) -> tuple[str, ...]:
        """Words of its vocabularies, a few hundred at most."""

    def outputs(self, plan: OutputPlan) -> Outputs:
        """What it answers; UnavailableError where it cannot be run."""

    def answers(self, plan: OutputPlan) -> tuple[Answer, ...]:
        """Only the answers, without anything else."""

    def reach(self, plan: OutputPlan) -> Reach:
        """Which weighted layers the plan's probes do not reach."""

    def noise(self, plan: OutputPlan) -> Noise:
        """What its answers vary by without any change."""

    def predict(self, images: Array, preprocess: str) -> Array:
        """Class scores, float32 (examples, classes), of raw images, shape (examples, ...).

        Raises:
            UnavailableError: the model is no classifier of single images.
        """

    def labels(self) -> tuple[Label, ...]:
        """ImageNet's classes; empty where the list cannot be had."""
