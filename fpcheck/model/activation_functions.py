"""Values of activations that a model only names: later a name may mean another function."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint.structure import Structure

# Inputs around which activations bend. It is a row, since softmax needs an axis.
GRID = np.linspace(-8.0, 8.0, 65, dtype=np.float32)[None]


def named_functions(structure: Structure) -> dict[str, Array]:
    """The values on `GRID` of every activation that the structure names, float32 (65,)."""
    import keras

    found: dict[str, Array] = {}
    for name in sorted({name for layer in structure.layers for name in _names(layer.config)}):
        try:
            values = keras.activations.get(name)(keras.ops.convert_to_tensor(GRID))
        except Exception:  # the model's own function, or more arguments; backends raise differently
            continue
        found[name] = np.asarray(keras.ops.convert_to_numpy(values), np.float32).ravel()
    return found


def _names(config: Any) -> Iterator[str]:
    if not isinstance(config, dict):
        return
    for key, value in config.items():
        if str(key).endswith("activation") and isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _names(value)
