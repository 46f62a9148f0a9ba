"""The digest that a tensor would have after each common mistake: a later match proves the mistake.

Each row of the table is one mistake: its name, and a function that applies it to a tensor, or gives
None if it does not apply. The names are part of the golden format; rows may be added, not changed.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import ml_dtypes
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


Mistake = Callable[[Array], Changed | None]


def _rounded(through: type) -> Mistake:
    def mistake(values: Array) -> Changed | None:
        wide = values.dtype in (np.float32, np.float64)
        return Changed(values.shape, rounding.rounded(values, through)) if wide else None

    return mistake


def _moved(applies: Callable[[Array], bool], move: Callable[[Array], Array]) -> Mistake:
    def mistake(values: Array) -> Changed | None:
        if not applies(values):
            return None
        moved = move(values)
        return Changed(moved.shape, blocks.pieces(moved))

    return mistake


def _is_spatial(values: Array) -> bool:
    return values.ndim in CONVOLUTION_RANKS and max(values.shape[:-2]) > 1


def _takes_colours(values: Array) -> bool:
    return values.ndim in CONVOLUTION_RANKS and values.shape[-2] in COLOUR_CHANNELS


COUNTERFACTUALS: dict[str, Mistake] = {
    "float16": _rounded(np.float16),
    "bfloat16": _rounded(ml_dtypes.bfloat16),
    "flipped": _moved(_is_spatial, lambda v: np.flip(v, axis=tuple(range(v.ndim - 2)))),
    "transposed": _moved(lambda v: v.ndim >= 2, lambda v: np.swapaxes(v, -1, -2)),
    "space-transposed": _moved(
        lambda v: v.ndim == 4 and _is_spatial(v), lambda v: np.swapaxes(v, 0, 1)
    ),
    "input-channels-reversed": _moved(_takes_colours, lambda v: np.flip(v, axis=-2)),
}


def start(
    submit: blocks.Submit, values: Array, dtype: str, own: bytes
) -> blocks.Pending[dict[str, bytes]]:
    """Starts to compute the digest of a tensor after each mistake, each in one thread.

    Digests equal to `own`, the unchanged tensor's, are left out.
    """
    changed = ((name, mistake(values)) for name, mistake in COUNTERFACTUALS.items())
    started: dict[str, blocks.Pending[bytes]] = {
        name: submit(digest.of_pieces, after.pieces, after.shape, dtype)
        for name, after in changed
        if after is not None
    }
    return lambda: {n: after for n, pending in started.items() if (after := pending()) != own}
