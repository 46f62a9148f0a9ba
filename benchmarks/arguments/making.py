"""Small models around one layer: built, given weights, run, and held against each other."""

import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from benchmarks.arguments.given import Given, Recipe
from fpcheck.fingerprint.outputs import relative_difference

# What the contract allows, in float32.
ALLOWED = 1e-4


def model_of(layer: Any, recipe: Recipe, flags: dict[str, Any] | None = None) -> Any:
    """A model of a layer and its inputs; flags are for the call."""
    if isinstance(layer, keras.layers.InputLayer):
        return weighted([layer.output], keras.layers.Rescaling(2.0, name="after")(layer.output))
    ports = [
        keras.Input(given.shape, dtype=given.dtype, name=f"x{place}")
        for place, given in enumerate(recipe.inputs)
    ]
    tensors = list(ports)
    if recipe.masked:
        tensors[0] = keras.layers.Masking(0.0, name="masking")(tensors[0])
    if recipe.call is not None:
        result = recipe.call(layer, tensors, **(flags or {}))
    else:
        result = layer(tensors[0] if len(tensors) == 1 else tensors, **(flags or {}))
    return weighted(ports, result)


def weighted(ports: list[Any], result: Any) -> Any:
    """A model with weights beside all else, since nothing is proved of one without any."""
    beside = keras.Input((2,), name="beside")
    weighed = keras.layers.Dense(1, kernel_initializer="ones", name="weighed")(beside)
    return keras.Model([*ports, beside], [*keras.tree.flatten(result), weighed], name="model")


def fill(model: Any, like: Any = None) -> None:
    """Give a model weights: those of another where they fit, else numbers by name and shape."""
    held = {} if like is None else dict(zip(_keys(like), like.weights, strict=True))
    for key, variable in zip(_keys(model), model.weights, strict=True):
        twin = held.get(key)
        if twin is not None and twin.shape == variable.shape and twin.dtype == variable.dtype:
            variable.assign(twin)
        elif twin is not None and twin.shape == variable.shape and "float" in str(variable.dtype):
            variable.assign(keras.ops.cast(twin, variable.dtype))
        else:
            variable.assign(_numbers(key, tuple(variable.shape), str(variable.dtype)))
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def _keys(model: Any) -> list[tuple[str, int]]:
    """A name for each weight of a model, whatever its layers are called."""
    seen: Counter[str] = Counter()
    keys = []
    for variable in model.weights:
        keys.append((variable.name, seen[variable.name]))
        seen[variable.name] += 1
    return keys


def _numbers(key: tuple[str, int], shape: tuple[int, ...], dtype: str) -> Any:
    rng = np.random.default_rng(zlib.crc32(repr((key, shape)).encode()))
    if "int" in dtype:
        return rng.integers(0, 10, shape)
    positive = any(part in key[0] for part in ("variance", "stddev", "gamma"))
    values = rng.uniform(0.5, 2.0, shape) if positive else rng.normal(size=shape)
    return keras.ops.convert_to_tensor(values.astype("float32"), dtype=dtype)


def inputs_of(given: Sequence[Given]) -> list[Any]:
    """The same numbers each time; those for the weights beside come last."""
    rng = np.random.default_rng(7)
    return [one.values(rng) for one in (*given, Given((2,)))]


def outputs(model: Any, arrays: list[Any]) -> list[Any]:
    """All that a model gives in inference, as dense arrays."""
    import tensorflow as tf

    tensors = [
        tf.constant(a.tolist()) if a.dtype.kind == "O" else keras.ops.convert_to_tensor(a)
        for a in arrays
    ]
    shaped = keras.tree.pack_sequence_as(model._inputs_struct, tensors)
    given = model(shaped, training=False)
    return [_dense(one) for one in keras.tree.flatten(given)]


def _dense(tensor: Any) -> Any:
    import tensorflow as tf

    if isinstance(tensor, tf.RaggedTensor):
        tensor = tensor.to_tensor()
    if isinstance(tensor, tf.SparseTensor):
        tensor = tf.sparse.to_dense(tensor)
    return tensor.numpy() if isinstance(tensor, tf.Tensor) else np.asarray(tensor)


def difference(first: list[Any], second: list[Any]) -> float:
    """How far two models' outputs are apart, as the contract measures it; infinite for shapes."""
    if [a.shape for a in first] != [b.shape for b in second]:
        return float("inf")
    return max((_apart(a, b) for a, b in zip(first, second, strict=True)), default=0.0)


def _apart(first: Any, second: Any) -> float:
    if first.dtype.kind in "OSU" or second.dtype.kind in "OSU":
        return 0.0 if np.array_equal(first, second) else float("inf")
    kinds = {"f" if a.dtype.name == "bfloat16" else a.dtype.kind for a in (first, second)}
    if len(kinds) > 1:
        return float("inf")
    if first.dtype.kind == "c":
        first, second = (np.stack([a.real, a.imag]) for a in (first, second))
    first, second = first.astype(np.float64), second.astype(np.float64)
    if np.array_equal(first, second, equal_nan=True):
        return 0.0
    found = relative_difference(first, second)
    return float("inf") if np.isnan(found) else found


def changes(first: list[Any], second: list[Any]) -> bool:
    """Whether two models' outputs differ by more than is allowed."""
    return not difference(first, second) <= ALLOWED
