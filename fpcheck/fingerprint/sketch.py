"""Random projections: the distance of two tensors from a few numbers of each.

Johnson-Lindenstrauss: for fixed vectors r of random signs, the mean of (r.x - r.y)^2 estimates
|x - y|^2. The values are cut, in C order, into blocks of up to 256 x 256; projection k of a block X
is u_k' X v_k (two matrix products), given a sign by the block's place, and blocks add up.

Each block is first rounded to integers of at most 36 bits relative to its largest value. Sums of
65,536 of them stay below 2^53, so every product and sum is exact in float64, and the result does
not depend on the order of summation: threads, BLAS libraries and machines give the same bytes.
"""

from functools import cache

import blake3
import numpy as np

from fpcheck.codec import Array

RECIPE = "fpcheck-sketch/1"
SIDE = 256
BLOCK = SIDE * SIDE
PROJECTIONS = 32
_BITS = 36


def _signs(label: str, shape: tuple[int, ...]) -> Array:
    """Random signs from BLAKE3 in its extendable form, which no library version can change."""
    count = int(np.prod(shape))
    stream = blake3.blake3(f"{RECIPE}/{label}".encode()).digest(length=(count + 7) // 8)
    bits = np.unpackbits(np.frombuffer(stream, np.uint8))[:count]
    return (1.0 - 2.0 * bits).reshape(shape)


@cache
def _sides() -> tuple[Array, Array]:
    return _signs("rows", (SIDE, PROJECTIONS)), _signs("columns", (SIDE, PROJECTIONS))


@cache
def _block_signs(group: int) -> Array:
    return _signs(f"blocks/{group}", (SIDE, PROJECTIONS))


def of_block(values: Array, place: int) -> Array:
    """The sketch of one block.

    Args:
        values: float64, one-dimensional, at most `BLOCK` values, all finite.
        place: the number of the block in its tensor.

    Returns:
        float64 of shape (PROJECTIONS,).
    """
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0.0:
        return np.zeros(PROJECTIONS)
    exponent = _BITS - int(np.frexp(largest)[1])
    # Two steps, since 2**exponent alone overflows for subnormal values.
    half = exponent // 2
    integers = np.rint(np.ldexp(np.ldexp(values, half), exponent - half))
    rows = -(-integers.size // SIDE)
    padded = np.zeros((rows, SIDE))
    padded.reshape(-1)[: integers.size] = integers
    left, right = _sides()
    exact = np.einsum("rk,rk->k", padded @ right, left[:rows])
    sign = _block_signs(place // SIDE)[place % SIDE]
    scaled: Array = np.ldexp(np.ldexp(exact, -half), half - exponent) * sign
    return scaled


def of_array(values: Array) -> Array:
    """The sketch of a whole tensor: float64 of shape (PROJECTIONS,), NaN where it is not finite."""
    flat = np.ascontiguousarray(values).reshape(-1)
    total = np.zeros(PROJECTIONS)
    for place, start in enumerate(range(0, flat.size, BLOCK)):
        block = flat[start : start + BLOCK].astype(np.float64)
        if not np.isfinite(block).all():
            return np.full(PROJECTIONS, np.nan)
        total += of_block(block, place)
    return total


def distance(first: Array, second: Array) -> float:
    """The estimated L2 distance of the tensors behind two sketches; NaN if either is not finite.

    The relative standard deviation is about 1 / sqrt(2 PROJECTIONS) = 13 %.
    """
    return float(np.sqrt(np.mean((first - second) ** 2)))
