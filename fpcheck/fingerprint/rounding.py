"""Values rounded to a narrower type and back, as in a model that was saved in that type."""

from collections.abc import Iterator

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint import blocks

# Values that are rounded at once: few enough for the caches, enough to keep threads apart.
_PIECE = 2**18
# For fewer values, `_to_float16` is slower than a cast.
_SMALL = 2**11
# Values from here on may be infinite in float16; NaN and infinity are above it too.
_LARGE_POWER = 2.0**15
# The smallest normal value of float16. An array, since numpy is slow to compare with one number.
_FLOOR = np.full(_PIECE, 2.0**-14, np.float32)
_EXPONENT, _SIGN = np.uint32(0x7F80_0000), np.uint32(0x8000_0000)


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
