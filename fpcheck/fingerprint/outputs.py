"""The outputs of a model on its probes, in the form that is stored and compared."""

import msgspec
import numpy as np

from fpcheck.codec import Array, Value
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.probes import Probes

RECIPE = "fpcheck-outputs/1"
# Of larger outputs (segmentation masks, for example), so many values per probe are stored, at a
# fixed stride, and a sketch of all values.
LONGEST_OUTPUT = 16_384


class Answer(Value, frozen=True, eq=False):
    """One output of the model on all probes.

    Attributes:
        shape: of the whole output, probes first.
        logits: float32 (probes, stored values): before the last softmax or sigmoid if the model
            has one, else the output.
        final: float32, the same elements of the output.
        squashed: whether the model has a last softmax or sigmoid.
        sketch: of all logits, float64 (sketch.PROJECTIONS,).
    """

    name: str
    shape: tuple[int, ...]
    logits: Array
    final: Array
    squashed: bool
    sketch: Array


class Activation(Value, frozen=True, eq=False):
    """The result of one call of a layer on all probes: shape, L2 norm and sketch."""

    layer: str
    call: int
    shape: tuple[int, ...]
    norm: float
    sketch: Array


class Noise(Value, frozen=True):
    """The largest relative difference between runs of an unchanged model; None if not measured.

    Attributes:
        repeat: between two equal runs.
        batch_size: from a run with one probe per batch.
        threads: from another process with one thread and other kernels.
        predict: between `predict()` and a call, for the final outputs. `predict()` may compute
            differently, so this does not widen the tolerance.
        where: the first layer that differs between two equal runs.
    """

    repeat: float | None = None
    batch_size: float | None = None
    threads: float | None = None
    predict: float | None = None
    where: str | None = None

    @property
    def largest(self) -> float:
        """The largest measured value; 0 if none was measured, NaN if one is NaN."""
        measured = [v for v in (self.repeat, self.batch_size, self.threads) if v is not None]
        return float(np.max(measured, initial=0.0))


class Reach(Value, frozen=True):
    """Paths of layers with weights that may not influence the outputs on the probes.

    Attributes:
        unreached: changing the layer changes no output.
        untried: unknown, since the attempt took too long or crashed.
    """

    unreached: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()


class Outputs(Value, frozen=True, eq=False):
    """The outputs part of a fingerprint.

    Attributes:
        preprocess: how raw probes were preprocessed: none, caffe, tf, torch, or module:function.
        answers: one for each output of the model.
        activations: one for each call of each layer, in the order of the calls.
        environment: versions and settings that influence rounding.
        alternatives: the logits of each output after common mistakes in preprocessing, by name.
        functions: values on a fixed grid of each activation that is known only by its name.
        recipe: the version of the rules by which outputs are stored.
    """

    probes: Probes
    preprocess: str
    answers: tuple[Answer, ...]
    activations: tuple[Activation, ...]
    environment: dict[str, str]
    noise: Noise = Noise()
    reach: Reach = Reach()
    alternatives: dict[str, tuple[Array, ...]] = msgspec.field(default_factory=dict)
    functions: dict[str, Array] = msgspec.field(default_factory=dict)
    recipe: str = RECIPE


def answer(name: str, logits: Array, final: Array, squashed: bool) -> Answer:
    """One output, shape (probes, ...), in the stored form."""
    projected = sketch.of_array(real(logits).astype(np.float32))
    return Answer(name, tuple(logits.shape), kept(logits), kept(final), squashed, projected)


def real(values: Array) -> Array:
    """Complex values as real and imaginary parts along one more axis; other values unchanged."""
    return np.stack([values.real, values.imag], axis=-1) if values.dtype.kind == "c" else values


def kept(output: Array) -> Array:
    """The stored values of an output: float32 (probes, at most LONGEST_OUTPUT)."""
    output = real(output)
    flat = output.reshape(len(output), -1) if output.ndim and len(output) else output.reshape(1, -1)
    stride = -(-flat.shape[1] // LONGEST_OUTPUT) or 1
    return np.ascontiguousarray(flat[:, ::stride], dtype=np.float32)


def relative_difference(golden: Array, other: Array) -> float:
    """Max |golden - other| / RMS(golden), in float64; NaN if either is not finite.

    If the golden is all zeros, the absolute difference.
    """
    reference = golden.astype(np.float64)
    difference = np.abs(reference - other.astype(np.float64))
    if not difference.size:
        return 0.0
    rms, largest = float(np.sqrt(np.mean(reference * reference))), float(np.max(difference))
    return largest / rms if rms > 0 else largest


def largest_difference(golden: tuple[Array, ...], other: tuple[Array, ...]) -> float:
    """The largest relative difference over all outputs; infinite if the shapes differ."""
    if [a.shape for a in golden] != [b.shape for b in other]:
        return float("inf")
    differences = [relative_difference(a, b) for a, b in zip(golden, other, strict=True)]
    return float(np.max(differences, initial=0.0))
