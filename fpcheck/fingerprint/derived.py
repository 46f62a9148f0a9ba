"""Derived state: tensors of a layer in a structure that weight files do not contain as tensors."""

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint.structure import ASSET, Tensor

# Role, values, dtype.
State = list[tuple[str, Array, str]]


def tensors_of(state: State, start: int) -> list[Tensor]:
    """Derived state as tensors of a layer, after its `start` weights."""
    return [
        Tensor(role, index, values.shape, dtype, trainable=False, derived=True)
        for index, (role, values, dtype) in enumerate(state, start)
    ]


def asset(name: str, data: bytes) -> tuple[str, Array, str]:
    """A file that a custom class saves, as state: uint8, shape (bytes,)."""
    return ASSET + name, np.frombuffer(data, np.uint8), "uint8"
