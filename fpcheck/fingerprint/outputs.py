"""What a model answers to its probes, kept so that a later answer can be compared with it."""

import msgspec
import numpy as np

from fpcheck.codec import Array, Value
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.probes import Probes

RECIPE = "fpcheck-outputs/1"
# Larger outputs (segmentation masks, say) are kept as this many values per probe, at a fixed
# stride, beside a sketch of them all.
LONGEST_OUTPUT = 16_384


class Answer(Value, frozen=True, eq=False):
    """One output of the model on all probes.

    Attributes:
        name: the model's name of it.
        shape: of the whole output, probes first.
        logits: float32 (probes, kept values): before the last softmax or sigmoid, where the
            model has one; else the output itself.
        final: float32, the same places of the output as the model gives it.
        squashed: whether there is a last softmax or sigmoid.
        sketch: of all logits, float64 (sketch.PROJECTIONS,).
    """

    name: str
    shape: tuple[int, ...]
    logits: Array
    final: Array
    squashed: bool
    sketch: Array


class Activation(Value, frozen=True, eq=False):
    """What one call of a layer gave on all probes: shape, L2 norm, sketch."""

    layer: str
    call: int
    shape: tuple[int, ...]
    norm: float
    sketch: Array


class Noise(Value, frozen=True):
    """Largest relative difference without any change of the model; None where not measured.

    Attributes:
        repeat: the same once more.
        batch_size: each probe by itself.
        threads: another process with one thread and other kernels.
        predict: `predict()` against a call, of the final outputs. It may be another computation,
            so it widens no tolerance.
        where: the first layer that differs when the same is done once more.
    """

    repeat: float | None = None
    batch_size: float | None = None
    threads: float | None = None
    predict: float | None = None
    where: str | None = None

    @property
    def largest(self) -> float:
        """The largest of those measured; 0 where none was, NaN where one is."""
        measured = [v for v in (self.repeat, self.batch_size, self.threads) if v is not None]
        return float(np.max(measured, initial=0.0))


class Reach(Value, frozen=True):
    """How far the probes reach: paths of weighted layers whose change would not show.

    Attributes:
        unreached: changing them moves no output.
        untried: it is not known, since trying took too long or crashed.
    """

    unreached: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()


class Outputs(Value, frozen=True, eq=False):
    """The outputs part of a fingerprint.

    Attributes:
        probes: what the model was run on.
        preprocess: how raw probes were prepared: none, caffe, tf, torch, or module:function.
        answers: one for each output of the model.
        activations: one for each call of each layer, in the order of the calls.
        environment: versions and settings that decide rounding.
        noise: measured while recording.
        reach: which weighted layers the probes do not reach.
        alternatives: name of a usual mistake in preprocessing, and the logits of each output that
            the model gives then.
        functions: values on a fixed grid of every activation that is known by name only.
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
    """Reduce one output, shape (probes, ...), to what is kept."""
    return Answer(
        name=name,
        shape=tuple(logits.shape),
        logits=kept(logits),
        final=kept(final),
        squashed=squashed,
        sketch=sketch.of_array(real(logits).astype(np.float32)),
    )


def real(values: Array) -> Array:
    """Complex values as real and imaginary parts, along one more axis; all others as they are."""
    if values.dtype.kind != "c":
        return values
    return np.stack([values.real, values.imag], axis=-1)


def kept(output: Array) -> Array:
    """The values of an output that are kept: float32 (probes, at most LONGEST_OUTPUT)."""
    output = real(output)
    flat = output.reshape(len(output), -1) if output.ndim and len(output) else output.reshape(1, -1)
    stride = -(-flat.shape[1] // LONGEST_OUTPUT) or 1
    return np.ascontiguousarray(flat[:, ::stride], dtype=np.float32)


def relative_difference(golden: Array, other: Array) -> float:
    """Max |golden - other| / RMS(golden), in float64; NaN where either is not finite.

    Where the golden is zero throughout, the difference itself.
    """
    reference = golden.astype(np.float64)
    difference = np.abs(reference - other.astype(np.float64))
    if not difference.size:
        return 0.0
    rms = float(np.sqrt(np.mean(reference * reference)))
    largest = float(np.max(difference))
    return largest / rms if rms > 0 else largest


def largest_difference(golden: tuple[Array, ...], other: tuple[Array, ...]) -> float:
    """The largest relative difference over outputs; infinite where shapes are not the same."""
    if [a.shape for a in golden] != [b.shape for b in other]:
        return float("inf")
    differences = [relative_difference(a, b) for a, b in zip(golden, other, strict=True)]
    return float(np.max(differences, initial=0.0))
