"""Functions of a user's own: activations with the names of built-in ones, and preprocessing.

They are not beside the custom layers, since a module that is named as `custom_objects` with these
in it would make them stand in for the built-in ones everywhere.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

Array = np.ndarray[Any, Any]


def relu(x: Any) -> Any:
    """A user's own function with the name of a built-in."""
    return keras.ops.maximum(x, -1.0)


def keras2_hard_sigmoid(x: Any) -> Any:
    """What the name `hard_sigmoid` meant before Keras 3."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def gelu(x: Any) -> Any:
    """A user's own gelu, by the usual approximation."""
    return keras.activations.gelu(x, approximate=True)


# Preprocessing other than `tf`, which is what the goldens are recorded with. Each is named to
# `fpcheck.compare(preprocess=...)` as `benchmarks.detection.functions:NAME`.
def _tf(pixels: Array) -> Array:
    return pixels.astype(np.float32) / 127.5 - 1.0


def twice(pixels: Array) -> Array:
    return _tf(_tf(pixels))


def reversed_before(pixels: Array) -> Array:
    return _tf(pixels[..., ::-1])


def unit(pixels: Array) -> Array:
    return pixels.astype(np.float32) / 255.0


def untouched(pixels: Array) -> Array:
    return pixels.astype(np.float32)
