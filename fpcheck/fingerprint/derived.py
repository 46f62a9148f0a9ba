"""State that weight files do not hold as tensors, and structures list as tensors of a layer."""

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint.structure import ASSET, Tensor

# Role, values, dtype.
State = list[tuple[str, Array, str]]


def tensors_of(state: State, start: int) -> list[Tensor]:
    """Derived state as tensors of a layer; `start` is how many weights stand before them."""
    return [
        Tensor(role, place, values.shape, dtype, trainable=False, derived=True)
        for place, (role, values, dtype) in enumerate(state, start)
    ]


def asset(name: str, data: bytes) -> tuple[str, Array, str]:
    """A file that a custom class saves: uint8, shape (bytes,)."""
    return ASSET + name, np.frombuffer(data, np.uint8), "uint8"
