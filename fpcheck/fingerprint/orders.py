"""Orders of the slices of a tensor after common mistakes, and other orders that profiles show.

An order is an array `indices`: slice i of the reordered tensor is slice `indices[i]` of the other.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import permutations, product
from typing import Any

import numpy as np

from fpcheck.codec import Array, Value

# Blocks that recurrent layers store side by side: 4 gates of an LSTM, 3 of a GRU, 2 directions.
GATES = (2, 3, 4)
# Axis norms are float64 sums stored as float32: the same slices summed in another order agree to
# about two units in the last place.
_SAME = 3e-7
# Gates and flattened maps are shorter; the orders of a million words would take a gigabyte.
_LONGEST = 2**17
# How many ways to resolve slices of equal norm are tried; of more, only one.
MOST_TIES = 64


class Order(Value, frozen=True, eq=False):
    """An order, with the name of the common mistake that makes it, if any."""

    indices: Array
    name: str = ""


@cache
def usual(size: int) -> tuple[Order, ...]:
    """The orders that common mistakes make of an axis with `size` slices, likeliest first."""
    distinct = {np.arange(size).tobytes(): Order(np.arange(size))}
    for order in _usual(size):
        distinct.setdefault(order.indices.tobytes(), order)
    return tuple(distinct.values())[1:]


def _usual(size: int) -> Iterator[Order]:
    places = np.arange(size)
    yield Order(places[::-1], "reversed")
    short = size <= _LONGEST
    for count in GATES if short else ():
        if size % count == 0 and size > count:
            blocks = places.reshape(count, -1)
            for order in permutations(range(count)):
                shown = " ".join(map(str, order))
                yield Order(blocks[list(order)].ravel(), f"its {count} blocks in the order {shown}")
    for rows in range(2, size // 2 + 1) if short else ():
        if size % rows == 0:
            name = f"as {rows} x {size // rows} instead of {size // rows} x {rows}"
            yield Order(places.reshape(size // rows, rows).T.ravel(), name)
    for step, way in ((1, "down"), (-1, "up")):
        yield Order(np.roll(places, step), f"shifted {way} by one")
    if size > 10:  # '10' stands before '2'
        as_text = np.array(sorted(range(size), key=str))
        yield Order(as_text, "in the order of the numbers as text")
        yield Order(np.argsort(as_text), "in numeric order instead of that of the text")


def same(golden: Array, candidate: Array) -> bool:
    """Whether two profiles are equal up to rounding."""
    return bool(np.all(np.abs(golden - candidate) <= _SAME * np.abs(golden)))


def matching(golden: Array, candidate: Array) -> Iterator[Order]:
    """The orders that turn the golden's profile into the candidate's: norms, float32 (slices,)."""
    if golden.shape != candidate.shape:
        return
    ours, theirs = np.argsort(golden, kind="stable"), np.argsort(candidate, kind="stable")
    if not same(golden[ours], candidate[theirs]):
        return
    yield from (order for order in usual(golden.size) if same(golden[order.indices], candidate))
    groups = _ties(golden[ours])
    # Five equal norms, or seven pairs, have more orders than are tried: that is enough to count.
    ways = math.prod(math.factorial(min(len(group), 5)) for group in groups[:7])
    every: Iterable[Sequence[Any]] = [groups]
    if ways <= MOST_TIES:
        every = product(*map(permutations, groups))
    for choice in every:
        tried = ours.copy()
        for group, order in zip(groups, choice, strict=True):
            tried[group] = ours[list(order)]
        indices = np.empty_like(ours)
        indices[theirs] = tried
        yield Order(indices)


def _ties(ordered: Array) -> list[Array]:
    """Positions, in a sorted profile, of slices whose norms are equal up to rounding.

    Slices of norm 0 are equal, so their order does not matter.
    """
    close = (np.diff(ordered) <= 2 * _SAME * np.abs(ordered[1:])) & (ordered[1:] > 0)
    bounds = np.flatnonzero(~close) + 1
    return [g for g in np.split(np.arange(ordered.size), bounds) if len(g) > 1]
