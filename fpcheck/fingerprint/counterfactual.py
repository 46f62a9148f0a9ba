"""The digest that a tensor would have after each common mistake: a later match proves the mistake.

Each row of the table is one mistake: its name, and a function that applies it to a tensor, or gives
None if it does not apply. The names are part of the golden format; rows may be added, not changed.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint import blocks, digest, rounding

# The input of a first layer has 3 (RGB) or 4 (RGBA) channels; more are not colours.
COLOUR_CHANNELS = (3, 4)
# The rank of a convolution's kernel: 1 to 3 spatial axes, input channels, output channels.
CONVOLUTION_RANKS = (3, 4, 5)


class Changed(NamedTuple):
    """A tensor after a mistake, in pieces, since it may be as large as memory."""

    shape: tuple[int, ...]
    pieces: Iterator[Array]


def _moved(values: Array) -> Changed:
    return Changed(values.shape, blocks.pieces(values))


def _narrowed(rounded: Callable[[Array], Iterator[Array]]) -> Callable[[Array], Changed | None]:
    def mistake(values: Array) -> Changed | None:
        if values.dtype not in (np.float32, np.float64):
            return None
        return Changed(values.shape, rounded(values))

    return mistake


def _flipped(values: Array) -> Changed | None:
    space = values.shape[:-2]
    if values.ndim not in CONVOLUTION_RANKS or max(space) < 2:
        return None
    return _moved(np.flip(values, axis=tuple(range(len(space)))))


def _transposed(values: Array) -> Changed | None:
    return _moved(np.swapaxes(values, -1, -2)) if values.ndim >= 2 else None


def _space_transposed(values: Array) -> Changed | None:
    if values.ndim != 4 or max(values.shape[:2]) < 2:
        return None
    return _moved(np.swapaxes(values, 0, 1))


def _channels_reversed(values: Array) -> Changed | None:
    if values.ndim not in CONVOLUTION_RANKS or values.shape[-2] not in COLOUR_CHANNELS:
        return None
    return _moved(np.flip(values, axis=-2))


COUNTERFACTUALS: dict[str, Callable[[Array], Changed | None]] = {
    "float16": _narrowed(rounding.to_float16),
    "bfloat16": _narrowed(rounding.to_bfloat16),
    "flipped": _flipped,
    "transposed": _transposed,
    "space-transposed": _space_transposed,
    "input-channels-reversed": _channels_reversed,
}


def start(pool: blocks.Pool, values: Array, dtype: str) -> dict[str, blocks.Pending[bytes]]:
    """Starts to compute the digest after each mistake that applies, each in one thread.

    Args:
        pool: computes the digests.
        values: numeric tensor of any shape.
        dtype: Keras's name of its type.
    """
    changed = ((name, mistake(values)) for name, mistake in COUNTERFACTUALS.items())
    return {
        name: pool.submit(digest.of_pieces, after.pieces, after.shape, dtype)
        for name, after in changed
        if after is not None
    }


def collect(started: dict[str, blocks.Pending[bytes]], own: bytes) -> dict[str, bytes]:
    """The digests that `start` started to compute, without mistakes that do not change the tensor.

    Args:
        started: by the names of mistakes.
        own: the digest of the unchanged tensor.
    """
    digests = {name: pending.result() for name, pending in started.items()}
    return {name: changed for name, changed in digests.items() if changed != own}
