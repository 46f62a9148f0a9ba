"""Sketches: random projections that give the distance of two tensors from a few numbers of each.

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
from fpcheck.fingerprint import blocks

RECIPE = "fpcheck-sketch/1"
SIDE = 256
BLOCK = SIDE * SIDE
PROJECTIONS = 32
_BITS = 36
# Rows that are multiplied at once: so few that a BLAS library starts no threads of its own, which
# would compete with ours.
_STACKED = 16


@cache
def _signs(label: str) -> Array:
    """Random signs (SIDE, PROJECTIONS) from BLAKE3 in its extendable form, the same for ever."""
    stream = blake3.blake3(f"{RECIPE}/{label}".encode()).digest(length=SIDE * PROJECTIONS // 8)
    bits = np.unpackbits(np.frombuffer(stream, np.uint8))
    return (1.0 - 2.0 * bits).reshape(SIDE, PROJECTIONS)


def room(size: int) -> int:
    """How many float64 one block of `of_blocks` needs, in a tensor of `size` values."""
    stacks = -(-size // (_STACKED * SIDE))
    return min(BLOCK, stacks * _STACKED * SIDE)


def of_blocks(padded: Array, size: int, largest: Array, place: int) -> Array:
    """The sketches of blocks of equal size, float64 (blocks, PROJECTIONS); overwrites the blocks.

    A row of `padded`, float64, begins with the `size` values of a block. A single row has the
    length `room(size)`, several have `BLOCK`. `largest` has the largest magnitude in each block,
    and `place` is the number of the first block in its tensor.
    """
    exponents = _BITS - np.frexp(largest)[1][:, None]
    halves, values = exponents // 2, padded[:, :size]
    # Two factors if one would overflow, which subnormal values cause.
    fits = np.abs(exponents).max() < 1000
    for power in (exponents,) if fits else (halves, exponents - halves):
        np.multiply(values, np.ldexp(1.0, power), out=values)
    np.rint(values, out=values)
    exact = _projected(padded, size)
    places = range(place, place + len(padded))
    signs = np.array([_signs(f"blocks/{each // SIDE}")[each % SIDE] for each in places])
    return np.asarray(np.ldexp(np.ldexp(exact, -halves), halves - exponents) * signs)


def _projected(padded: Array, size: int) -> Array:
    """u_k' X v_k for blocks of integers, padded with zeros to whole rows."""
    height = min(-(-size // SIDE), _STACKED)
    rows = -(-size // (height * SIDE)) * height
    padded[:, size : rows * SIDE] = 0.0
    products = np.matmul(padded[:, : rows * SIDE].reshape(-1, height, SIDE), _signs("columns"))
    of_rows = products.reshape(len(padded), rows, PROJECTIONS)
    return np.asarray(np.einsum("brk,rk->bk", of_rows, _signs("rows")[:rows]))


def of_array(values: Array) -> Array:
    """The sketch of a whole tensor: float64 (PROJECTIONS,), NaN if a value is not finite."""
    total, padded = np.zeros(PROJECTIONS), np.empty((1, room(values.size)))
    for place, start in enumerate(range(0, values.size, BLOCK)):
        part = blocks.piece(values, start, min(start + BLOCK, values.size))
        block = padded[:, : part.size]
        np.copyto(block, part, casting="unsafe")
        largest = np.maximum(block.max(axis=1), -block.min(axis=1))
        if not np.isfinite(largest).all():
            return np.full(PROJECTIONS, np.nan)
        total += of_blocks(padded, part.size, largest, place)[0]
    return total


def distance(first: Array, second: Array) -> float:
    """The estimated L2 distance of the tensors behind two sketches; NaN if either is not finite.

    The relative standard deviation is about 1 / sqrt(2 PROJECTIONS) = 13 %.
    """
    return float(np.sqrt(np.mean((first - second) ** 2)))
