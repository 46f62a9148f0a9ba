"""Finding what happened to a tensor by undoing it, with nothing of the golden but its measurement.

Each mistake that keeps a tensor's shape is undone on the candidate's values; where the digest is
then the golden's, that is a proof. Scaling and quantising round, so there the sketch measures what
is left.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import permutations, product

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint import digest, lattice, orders, sketch
from fpcheck.fingerprint.counterfactual import CONVOLUTION_RANKS
from fpcheck.fingerprint.measurement import Details
from fpcheck.fingerprint.orders import Order
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.fingerprint.weights import QUANTILE_SAMPLE

# What rounding leaves of a float32 tensor that was scaled and scaled back.
_ROUNDING = 1e-5
# Of the change that is to be explained.
_SHARE = 0.05
_FEWEST_IN_SLICE = 4
# Larger tensors are not copied: the process that reads a file may not take so much memory.
_MOST_COPIED = 2**26
_FLOATS = ("float32", "float64", "float16", "bfloat16")
# Sums in float64 of the same values in another order agree to some 1e-13. A few rows of a large
# table, trained further, move them by 1e-8.
_SUMMED = 1e-11
# Combinations of orders of several axes that are worth a digest each.
_MOST_TRIALS = 256


Reader = Callable[[bytes], AbstractContextManager[Array]]


def undo(wanted: Sequence[Wanted], read: Reader) -> tuple[Undone | None, ...]:
    """What happened to each tensor; None where nothing that is known of.

    Args:
        wanted: numeric tensors whose digests differ from the golden's.
        read: gives the values of the candidate's tensor of a digest.
    """
    pool: dict[bytes, Order] = {}
    found: dict[int, Undone | None] = {}
    # Matrices show by their profiles in which order they are; vectors are then tried in the same.
    order = sorted(range(len(wanted)), key=lambda place: not _profiles(wanted[place]))
    for place in order:
        item = wanted[place]
        golden, own = item.golden.details, item.candidate.details
        found[place] = None
        if golden is not None and own is not None and _measurable(golden) and _measurable(own):
            with read(item.candidate.digest) as values:
                found[place] = _one(values, item, golden, own, pool)
    return tuple(found[place] for place in range(len(wanted)))


def _measurable(details: Details) -> bool:
    """Whether distances relative to a tensor mean anything."""
    return details.statistics.l2 > 0 and not details.statistics.non_finite


def _profiles(item: Wanted) -> bool:
    return item.golden.details is not None and bool(item.golden.details.profiles)


def _one(
    values: Array, item: Wanted, golden: Details, own: Details, pool: dict[bytes, Order]
) -> Undone | None:
    if not same_values(golden, own):
        rescaled = _rescaled(values, golden, own)
        if rescaled is not None or item.dtype not in _FLOATS:  # integers always lie on a grid
            return rescaled
        return _quantized(values, golden, own)
    proved = item.golden.digest
    for undone, changed in _turned(values):
        if digest.of_array(changed, item.dtype) == proved:
            return undone
    for axes, chosen in _ordered(values, golden, own, pool):
        changed = values
        for axis, order in zip(axes, chosen, strict=True):
            changed = np.take(changed, order.inverse, axis)
        if digest.of_array(changed, item.dtype) == proved:
            pool |= {order.taken.tobytes(): order for order in chosen}
            return Undone("ordered", axes=axes, names=tuple(order.name for order in chosen))
    return Undone("reordered", left=_left(golden, own))


def same_values(golden: Details, own: Details) -> bool:
    """Whether two tensors hold the same values, in whatever order, as far as figures tell."""
    ours, theirs = golden.statistics, own.statistics
    exact = ("count", "zeros", "nans", "infinities", "minimum", "maximum")
    if ours.constant is not None or any(getattr(ours, n) != getattr(theirs, n) for n in exact):
        return False
    close = all(
        abs(getattr(ours, n) - getattr(theirs, n)) <= _SUMMED * getattr(ours, n)
        for n in ("l1", "l2")
    )
    # Negated slices keep both.
    close = close and abs(ours.mean - theirs.mean) * ours.count <= 1e-9 * ours.l1
    # Of large tensors quantiles are those of a sample, which another order changes.
    whole = ours.count > QUANTILE_SAMPLE or np.array_equal(golden.quantiles, own.quantiles)
    return close and whole


def _turned(values: Array) -> Iterator[tuple[Undone, Array]]:
    """A kernel with its axes exchanged, and its space axes reversed, as other frameworks do."""
    if values.ndim not in (2, *CONVOLUTION_RANKS):
        return
    space = range(values.ndim - 2)
    for exchanged in permutations(range(values.ndim)):
        if tuple(values.shape[a] for a in exchanged) != values.shape:
            continue
        for flags in product((False, True), repeat=len(space)):
            backwards = tuple(axis for axis, flag in zip(space, flags, strict=True) if flag)
            if backwards or exchanged != tuple(range(values.ndim)):
                changed = np.flip(np.transpose(values, exchanged), backwards)
                yield Undone("turned", exchanged=exchanged, reversed=backwards), changed


def _ordered(
    values: Array, golden: Details, own: Details, pool: dict[bytes, Order]
) -> Iterator[tuple[tuple[int, ...], tuple[Order, ...]]]:
    """Axes, and an order of each, that would make the golden's profiles the candidate's."""
    if values.ndim == 1:
        known = [order for order in pool.values() if order.taken.size == values.size]
        for order in (*known, *orders.usual(values.size)):
            yield (0,), (order,)
        return
    options: dict[int, list[Order]] = {}
    for axis, (right, seen) in enumerate(zip(golden.profiles, own.profiles, strict=True)):
        if not orders.same(right, seen):
            options[axis] = list(orders.found(right, seen))
    if not options:  # slices of one norm, such as normalised ones, show no order
        for axis, size in enumerate(values.shape):
            for order in orders.usual(size)[:_MOST_TRIALS]:
                yield (axis,), (order,)
    if all(options.values()):
        trials = product(*options.values())
        for _, chosen in zip(range(_MOST_TRIALS), trials, strict=False):
            if chosen:
                yield tuple(options), chosen


def _rescaled(values: Array, golden: Details, own: Details) -> Undone | None:
    """One factor for each slice along an axis, as where a normalisation was merged in."""
    if values.size > _MOST_COPIED:
        return None
    for axis, (right, seen) in enumerate(zip(golden.profiles, own.profiles, strict=True)):
        right = right.astype(np.float64)
        few = values.size < _FEWEST_IN_SLICE * right.size  # any few values are a multiple of others
        if right.size < 2 or few or not (right > 0).all() or not (seen > 0).all():
            continue
        factors = seen / right
        shape = [-1 if a == axis else 1 for a in range(values.ndim)]
        with np.errstate(divide="ignore", invalid="ignore"):
            others = [own.profiles[a] / golden.profiles[a] for a in range(values.ndim) if a != axis]
        # Along its own axis the factors vary most.
        if any(np.std(o) > np.std(factors) for o in others) or np.std(factors) < 1e-6:
            continue
        back = sketch.of_array((values / factors.reshape(shape)).astype(np.float32))
        left = sketch.distance(golden.sketch, back) / golden.statistics.l2
        # A change as small as rounding is no factor.
        if left <= _ROUNDING and left <= _SHARE * _left(golden, own):
            return Undone("rescaled", axes=(axis,), left=left, figure=float(np.median(factors)))
    return None


def _quantized(values: Array, golden: Details, own: Details) -> Undone | None:
    """Values on a grid of few steps, no further from the golden than half a step."""
    left = _left(golden, own)
    for axis in (None, *range(values.ndim - 1, -1, -1)):
        grid = lattice.grid(values, axis)
        if grid is None:
            continue
        expected = grid.error / golden.statistics.l2
        if 0.3 * expected <= left <= 3 * expected:
            axes = () if axis is None else (axis,)
            return Undone("quantized", axes=axes, left=left, figure=float(grid.steps))
    return None


def _left(golden: Details, own: Details) -> float:
    return sketch.distance(golden.sketch, own.sketch) / golden.statistics.l2
