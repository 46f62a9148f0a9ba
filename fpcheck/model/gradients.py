"""One backward pass: how strongly every tensor moves a random projection of all logits."""

from typing import Any

import numpy as np

from fpcheck.codec import Array
from fpcheck.model.execution import forward
from fpcheck.model.recorder import Recorder, running_backend

# For each tensor asked for, the gradient of the projection; None where there is none.
Gradients = list[Any | None]


def backward(model: Any, arrays: list[Array], variables: list[Any]) -> tuple[list[Any], Gradients]:
    """The logits, and the gradient by each of these variables.

    Raises:
        NotImplementedError: this backend has no backward pass.
        Exception: whatever an operation without a gradient raises.
    """
    ways = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    way = ways.get(running_backend())
    if way is None:
        raise NotImplementedError(running_backend())
    return way(model, arrays, variables)


def _tensorflow(
    model: Any, arrays: list[Array], variables: list[Any]
) -> tuple[list[Any], Gradients]:
    import tensorflow as tf

    values = [v.value for v in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        logits = _logits(model, arrays)
        target = _projection(logits)
    found = tape.gradient(target, values)
    return logits, [None if g is None else tf.convert_to_tensor(g) for g in found]


def _jax(model: Any, arrays: list[Array], variables: list[Any]) -> tuple[list[Any], Gradients]:
    import jax
    import keras

    def target(values: list[Any]) -> tuple[Any, list[Any]]:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            logits = _logits(model, arrays)
            return _projection(logits), logits

    held = [v.value for v in variables]
    (_, logits), found = jax.value_and_grad(target, has_aux=True)(held)
    # JAX says zero for what has no gradient, too.
    return logits, [g if bool(g.any()) else None for g in found]


def _torch(model: Any, arrays: list[Array], variables: list[Any]) -> tuple[list[Any], Gradients]:
    import torch

    values = [v.value for v in variables]
    asked = [value.requires_grad for value in values]
    try:
        for value in values:
            value.requires_grad_(True)
        logits = _logits(model, arrays)
        found = torch.autograd.grad(_projection(logits), values, allow_unused=True)
    finally:
        for value, before in zip(values, asked, strict=True):
            value.requires_grad_(before)
    return logits, list(found)


def _logits(model: Any, arrays: list[Array]) -> list[Any]:
    import keras

    _, before = forward(model, arrays, Recorder())
    return [keras.ops.cast(tensor, "float32") for tensor, _ in before]


def _projection(logits: list[Any]) -> Any:
    import keras

    parts = [keras.ops.sum(keras.ops.multiply(t, signs(t.shape))) for t in logits]
    return sum(parts[1:], parts[0])


def signs(shape: Any) -> Array:
    """Fixed signs that look random: the top bits of a multiplicative hash of the place."""
    places = np.arange(int(np.prod(shape)), dtype=np.uint32)
    bits = ((places * np.uint32(2654435761)) >> 15) & 1
    found: Array = (1.0 - 2.0 * bits).astype(np.float32).reshape(tuple(shape))
    return found
