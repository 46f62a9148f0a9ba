"""Which weighted layers the probes do not reach: a change there would not show in the outputs."""

from typing import Any

import numpy as np

from fpcheck.codec import Array
from fpcheck.model.execution import Recorder, forward, run
from fpcheck.model.walking import own_variables, walk

# A layer is reached where changing each of its values by this share of their RMS moves some
# output by more than the allowed difference.
NUDGE = 0.01


def unreached(model: Any, arrays: list[Array], allowed: float) -> tuple[str, ...]:
    """Paths of weighted layers whose nudge moves no output by more than `allowed`.

    To first order, random independent changes of size d in every value of a tensor move a scalar
    by d |gradient|. The scalar is a random projection of all logits; one backward pass gives the
    gradients of all tensors. Where there is no gradient (integer weights, rounding, lookups), the
    layer is nudged and the model run.
    """
    layers = [(p.path, v) for p in walk(model) if (v := own_variables(p.layer))]
    variables = [v for _, own in layers for v in own]
    gradients, scale = _gradients(model, arrays, variables)
    missing: list[str] = []
    for path, own in layers:
        effects = [_effect(v, gradients.get(id(v))) for v in own]
        if all(effect is None for effect in effects):
            moved = _moved_by_nudge(model, arrays, own)
        else:
            moved = max(effect for effect in effects if effect is not None) / scale
        if not moved > allowed:
            missing.append(path)
    return tuple(missing)


def _gradients(
    model: Any, arrays: list[Array], variables: list[Any]
) -> tuple[dict[int, Array], float]:
    import keras
    import tensorflow as tf

    watched = [v for v in variables if v.value.dtype.is_floating]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([v.value for v in watched])
        _, before = forward(model, arrays, Recorder(keep_activations=False))
        logits = [tf.cast(tensor, "float32") for tensor, _ in before]
        signs = [_signs(tensor.shape) for tensor in logits]
        target = tf.add_n([tf.reduce_sum(t * s) for t, s in zip(logits, signs, strict=True)])
    found = tape.gradient(target, [v.value for v in watched])
    squares = sum(float(tf.reduce_sum(t * t)) for t in logits)
    known = {
        id(v): np.asarray(keras.ops.convert_to_numpy(tf.convert_to_tensor(g)), np.float64)
        for v, g in zip(watched, found, strict=True)
        if g is not None
    }
    # The projection of a vector by random signs is as large as its norm.
    return known, float(np.sqrt(squares)) or 1.0


def _signs(shape: Any) -> Any:
    import tensorflow as tf

    count = int(np.prod(shape))
    places = np.arange(count, dtype=np.uint32)
    mixed = places * np.uint32(2654435761)
    return tf.constant(1.0 - 2.0 * ((mixed >> 15) & 1).astype(np.float32).reshape(shape))


def _step(variable: Any) -> float:
    values = np.asarray(variable.numpy(), np.float64)
    rms = float(np.sqrt(np.mean(values * values))) if values.size else 0.0
    return NUDGE * (rms or 1.0)


def _effect(variable: Any, gradient: Array | None) -> float | None:
    if gradient is None:
        return None
    return _step(variable) * float(np.sqrt(np.sum(gradient * gradient)))


def _moved_by_nudge(model: Any, arrays: list[Array], own: list[Any]) -> float:
    from fpcheck.fingerprint.outputs import largest_difference

    def logits() -> tuple[Array, ...]:
        return tuple(a.logits for a in run(model, arrays)[0])

    before, kept = logits(), [np.asarray(v.numpy()) for v in own]
    for variable, values in zip(own, kept, strict=True):
        step = max(_step(variable), 1.0) if values.dtype.kind in "iu" else _step(variable)
        variable.assign((values.astype(np.float64) + step).astype(values.dtype))
    after = logits()
    for variable, values in zip(own, kept, strict=True):
        variable.assign(values)
    return largest_difference(before, after)
