"""Values rounded to a narrower type and back, as a model is that was saved in that type."""

from collections.abc import Iterator

import ml_dtypes
import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint import blocks

# Values that are rounded at once: few enough for the caches, enough for threads not to meet.
_PIECE = 2**18
# Up to here the detour of `_to_float16` takes longer.
_SMALL = 2**11
# From here on a value may be infinite in float16; NaN and infinity are beyond it too.
_LARGE_POWER = 2.0**15
# The smallest normal value of float16. An array, since numpy compares with one number slowly.
_FLOOR = np.full(_PIECE, 2.0**-14, np.float32)
_EXPONENT, _SIGN = np.uint32(0x7F80_0000), np.uint32(0x8000_0000)


def to_float16(values: Array) -> Iterator[Array]:
    """The rounded values in C order, in flat pieces. A piece is gone when the next is asked for."""
    return _rounded(values, np.float16)


def to_bfloat16(values: Array) -> Iterator[Array]:
    """As `to_float16`, for bfloat16."""
    return _rounded(values, ml_dtypes.bfloat16)


def _rounded(values: Array, through: type) -> Iterator[Array]:
    if values.size <= _SMALL:
        yield _cast(values.reshape(-1), through)
        return
    size = min(values.size, _PIECE)
    rounded, spare = np.empty(size, values.dtype), np.empty(size, values.dtype)
    narrow: Array = np.empty(size, through)
    quick = through is np.float16 and values.dtype == np.float32
    for piece in blocks.pieces(values, _PIECE):
        after = rounded[: piece.size]
        if not (quick and _to_float16(piece, after, spare[: piece.size])):
            with np.errstate(over="ignore", invalid="ignore"):
                np.copyto(narrow[: piece.size], piece, casting="unsafe")
                np.copyto(after, narrow[: piece.size], casting="unsafe")
        yield after


def _cast(values: Array, through: type) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(through).astype(values.dtype)


def _to_float16(values: Array, rounded: Array, spare: Array) -> bool:
    """Adds and takes away a number that leaves room for 11 digits, or for whole 2**-24.

    The processor then rounds to nearest even, as float16 does: several times faster than by way of
    float16, which few processors know. False, with nothing done, where it does not hold.
    """
    bits, power = values.view(np.uint32), spare.view(np.uint32)
    np.bitwise_and(bits, _EXPONENT, out=power)
    if spare.max() >= _LARGE_POWER:
        return False
    np.maximum(spare, _FLOOR[: spare.size], out=spare)
    # 1.5 keeps the sum of a negative value within the same power of two.
    np.multiply(spare, np.float32(1.5 * 2.0**13), out=spare)
    np.add(values, spare, out=rounded)
    np.subtract(rounded, spare, out=rounded)
    # What rounds to zero keeps its sign.
    np.bitwise_and(bits, _SIGN, out=power)
    np.bitwise_or(rounded.view(np.uint32), power, out=rounded.view(np.uint32))
    return True
