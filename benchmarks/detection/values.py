"""Tensors whose values were scaled, rounded, lost or damaged."""

from collections.abc import Callable
from functools import partial

import ml_dtypes
import numpy as np

from benchmarks.detection.case import Cases, add, edit, fault
from benchmarks.detection.subject import Array, Slot, Subject

GROUP = "values scaled, rounded, lost"
Change = Callable[[Array], Array]


def rounded(through: type) -> Change:
    def change(values: Array) -> Array:
        return values.astype(through).astype(values.dtype)

    return change


def quantized(values: Array, per_channel: bool = True) -> Array:
    """Through int8 and back, symmetric: the largest magnitude is 127 steps."""
    axes = tuple(range(values.ndim - 1)) if per_channel else None
    step = np.max(np.abs(values), axis=axes, keepdims=True) / np.float32(127)
    step = np.where(step == 0, np.float32(1), step)
    return (np.clip(np.rint(values / step), -127, 127) * step).astype(values.dtype)


def _half(values: Array) -> Array:
    kept = values.copy().reshape(-1)
    kept[kept.size // 2 :] = 0
    return kept.reshape(values.shape)


def _one_channel(values: Array) -> Array:
    kept = values.copy()
    kept[..., values.shape[-1] // 2] = 0
    return kept


def _channels_scaled(values: Array) -> Array:
    factors = np.exp(np.random.default_rng(5).normal(0, 0.3, values.shape[-1]))
    scaled: Array = values * factors
    return scaled.astype(values.dtype)


def _with(value: float, count: int = 1) -> Change:
    def change(values: Array) -> Array:
        kept = values.copy()
        kept.reshape(-1)[:count] = value
        return kept

    return change


def _bit(number: int) -> Change:
    """One bit of the value in the middle turned over; bit 31 is the sign, 23 to 30 the exponent."""

    def change(values: Array) -> Array:
        kept = values.copy()
        bits = kept.reshape(-1).view(np.uint32)
        bits[bits.size // 2] ^= np.uint32(1 << number)
        return kept

    return change


def _nudged(values: Array) -> Array:
    kept = values.copy()
    kept.reshape(-1)[kept.size // 3] *= 1.01
    return kept


# Faults of one kernel: code, description, change.
KERNELS: dict[str, tuple[str, str, Change]] = {
    "rescaled-2": ("rescaled", "A kernel doubled", lambda v: v * v.dtype.type(2)),
    "rescaled-1.01": ("rescaled", "A kernel 1 % larger", lambda v: v * v.dtype.type(1.01)),
    "rescaled-channels": ("rescaled", "Each output channel by its own factor", _channels_scaled),
    "float16-one": ("cast-float16", "A kernel through float16", rounded(np.float16)),
    "bfloat16-one": ("cast-bfloat16", "A kernel through bfloat16", rounded(ml_dtypes.bfloat16)),
    "int8-one": ("quantized", "A kernel through int8, a scale a channel", quantized),
    "int8-tensor": (
        "quantized",
        "A kernel through int8, one scale",
        partial(quantized, per_channel=False),
    ),
    "zeroed": ("zeroed", "A kernel of zeros", np.zeros_like),
    "zeroed-half": ("zeroed", "The second half of a kernel is zero", _half),
    "zeroed-channel": ("zeroed", "One output channel of a kernel is zero", _one_channel),
    "nan": ("non-finite", "One value of a kernel is NaN", _with(np.nan)),
    "inf": ("non-finite", "Three values of a kernel are infinite", _with(np.inf, 3)),
    "bit-sign": ("point-change", "The sign of one value turned over", _bit(31)),
    "bit-exponent": ("point-change", "One value larger or smaller by a power of 2", _bit(25)),
    "bit-mantissa": ("point-change", "The last bit of one value turned over", _bit(0)),
    "value-large": ("point-change", "One value is 1000", _with(1000.0)),
    "value-small": ("point-change", "One value 1 % larger", _nudged),
    "values-few": ("point-change", "Three values are 0.5", _with(0.5, 3)),
}


def _one_kernel(change: Change, subject: Subject) -> Cases:
    for slot in subject.spread(subject.kernels()):
        yield from edit(subject, slot.layer, {slot.key: change(subject.values[slot.key])})


for _name, (_code, _says, _change) in KERNELS.items():
    add(_name, GROUP, _code, _says, partial(_one_kernel, _change))


def _everywhere(wanted: Callable[[Slot], bool], change: Change, subject: Subject) -> Cases:
    edits = {
        slot.key: change(subject.values[slot.key])
        for slot in subject.slots
        if wanted(slot) and "float" in str(slot.variable.dtype)
    }
    yield from edit(subject, "all", edits, layers=None)


# Faults of the whole model: code, description, which tensors, change.
WHOLE: dict[str, tuple[str, str, Callable[[Slot], bool], Change]] = {
    "float16-all": ("cast-float16", "All through float16", lambda _: True, rounded(np.float16)),
    "bfloat16-all": (
        "cast-bfloat16",
        "All through bfloat16",
        lambda _: True,
        rounded(ml_dtypes.bfloat16),
    ),
    "int8-all": (
        "quantized",
        "All kernels through int8, a scale a channel",
        lambda s: s.is_kernel,
        quantized,
    ),
    "int8-tensor-all": (
        "quantized",
        "All kernels through int8, one scale each",
        lambda s: s.is_kernel,
        partial(quantized, per_channel=False),
    ),
}
for _name, (_code, _says, _wanted, _change) in WHOLE.items():
    add(_name, GROUP, _code, _says, partial(_everywhere, _wanted, _change))


@fault("layer-zeroed", GROUP, "zeroed")
def layer_zeroed(subject: Subject) -> Cases:
    """All tensors of a layer are zero."""
    layers = [p for p, slots in subject.layers.items() if slots[0].is_kernel and len(slots) > 1]
    for path in subject.spread(layers):
        edits = {s.key: np.zeros_like(subject.values[s.key]) for s in subject.layers[path]}
        yield from edit(subject, path, edits)


@fault("gamma-rescaled", GROUP, "rescaled")
def gamma_rescaled(subject: Subject) -> Cases:
    """The gamma of a BatchNormalization 10 % larger."""
    found = [by["gamma"] for by in subject.norms().values() if "gamma" in by]
    for slot in subject.spread(found):
        yield from edit(subject, slot.layer, {slot.key: subject.values[slot.key] * np.float32(1.1)})


@fault("vector-value", GROUP, "point-change")
def vector_value(subject: Subject) -> Cases:
    """One value of a bias or of a statistic changed."""
    vectors = [s for s in subject.slots if len(s.shape) == 1 and s.shape[0] >= 4]
    for slot in subject.spread(vectors):
        values = subject.values[slot.key].copy()
        values[1] += np.float32(0.25)
        yield from edit(subject, f"{slot.layer}/{slot.role}", {slot.key: values})
