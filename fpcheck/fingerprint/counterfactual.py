"""The digest that a tensor would have after each common mistake: a later match proves the mistake.

Each row of the table is one mistake. The names are part of the golden format; rows may be added,
not changed.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import ml_dtypes
import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint import blocks, digest

# The input of a first layer has 3 (RGB) or 4 (RGBA) channels; more are not colours.
COLOUR_CHANNELS = (3, 4)
# The rank of a convolution's kernel: 1 to 3 spatial axes, input channels, output channels.
CONVOLUTION_RANKS = (3, 4, 5)
# Values that are rounded at once: few enough for the caches, enough to keep threads apart.
_PIECE = 2**18
# For fewer values, `_to_float16` is slower than a cast.
_SMALL = 2**11
# Values from here on may be infinite in float16; NaN and infinity are above it too.
_LARGE_POWER = 2.0**15
# The smallest normal value of float16. An array, since numpy is slow to compare with one number.
_FLOOR = np.full(_PIECE, 2.0**-14, np.float32)
_EXPONENT, _SIGN = np.uint32(0x7F80_0000), np.uint32(0x8000_0000)


class Mistake(NamedTuple):
    """Which tensors it can happen to, how it moves values (a view), and a type that rounds them."""

    applies: Callable[[Array], bool]
    move: Callable[[Array], Array] = np.asarray
    through: type | None = None


def _is_wide(values: Array) -> bool:
    return values.dtype in (np.float32, np.float64)


def _is_spatial(values: Array) -> bool:
    return values.ndim in CONVOLUTION_RANKS and max(values.shape[:-2]) > 1


def _takes_colours(values: Array) -> bool:
    return values.ndim in CONVOLUTION_RANKS and values.shape[-2] in COLOUR_CHANNELS


COUNTERFACTUALS = {
    "float16": Mistake(_is_wide, through=np.float16),
    "bfloat16": Mistake(_is_wide, through=ml_dtypes.bfloat16),
    "flipped": Mistake(_is_spatial, lambda v: np.flip(v, axis=tuple(range(v.ndim - 2)))),
    "transposed": Mistake(lambda v: v.ndim >= 2, lambda v: np.swapaxes(v, -1, -2)),
    "space-transposed": Mistake(
        lambda v: v.ndim == 4 and _is_spatial(v), lambda v: np.swapaxes(v, 0, 1)
    ),
    "input-channels-reversed": Mistake(_takes_colours, lambda v: np.flip(v, axis=-2)),
}


def start(
    submit: blocks.Submit, values: Array, dtype: str, own: bytes
) -> blocks.Pending[dict[str, bytes]]:
    """Starts to compute the digest of a tensor after each mistake, each in one thread.

    Digests equal to `own`, the unchanged tensor's, are left out.
    """
    started: dict[str, blocks.Pending[bytes]] = {
        name: submit(_digest_after, mistake, values, dtype)
        for name, mistake in COUNTERFACTUALS.items()
        if mistake.applies(values)
    }
    return lambda: {n: after for n, pending in started.items() if (after := pending()) != own}


def _digest_after(mistake: Mistake, values: Array, dtype: str) -> bytes:
    """In pieces, since the tensor may be as large as memory."""
    moved, through = mistake.move(values), mistake.through
    pieces = rounded(moved, through) if through else blocks.pieces(moved)
    return digest.of_pieces(pieces, moved.shape, dtype)


def rounded(values: Array, through: type) -> Iterator[Array]:
    """The rounded values in C order, in flat pieces. A piece is valid until the next one."""
    if values.size <= _SMALL:
        with np.errstate(over="ignore", invalid="ignore"):
            cast = values.reshape(-1).astype(through).astype(values.dtype)
        yield cast
        return
    size = min(values.size, _PIECE)
    result, spare = np.empty(size, values.dtype), np.empty(size, values.dtype)
    narrow: Array = np.empty(size, through)
    quick = through is np.float16 and values.dtype == np.float32
    for piece in blocks.pieces(values, _PIECE):
        after = result[: piece.size]
        if not (quick and _to_float16(piece, after, spare[: piece.size])):
            with np.errstate(over="ignore", invalid="ignore"):
                np.copyto(narrow[: piece.size], piece, casting="unsafe")
                np.copyto(after, narrow[: piece.size], casting="unsafe")
        yield after


def _to_float16(values: Array, rounded: Array, spare: Array) -> bool:
    """Rounds by adding and subtracting a number that leaves 11 bits, or multiples of 2**-24.

    The processor then rounds to nearest even, as float16 does. This is several times faster than a
    cast to float16, which few processors support. Returns False, without rounding, if a value may
    be infinite.
    """
    bits, power = values.view(np.uint32), spare.view(np.uint32)
    np.bitwise_and(bits, _EXPONENT, out=power)
    if spare.max() >= _LARGE_POWER:
        return False
    np.maximum(spare, _FLOOR[: spare.size], out=spare)
    # With the factor 1.5, the sum with a negative value has the same power of two.
    np.multiply(spare, np.float32(1.5 * 2.0**13), out=spare)
    np.add(values, spare, out=rounded)
    np.subtract(rounded, spare, out=rounded)
    # A value that rounds to zero keeps its sign.
    np.bitwise_and(bits, _SIGN, out=power)
    np.bitwise_or(rounded.view(np.uint32), power, out=rounded.view(np.uint32))
    return True
