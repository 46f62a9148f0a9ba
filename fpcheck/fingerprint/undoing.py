"""Finds out how a tensor was changed by undoing possible changes; needs the golden's measurement.

Each mistake that does not change a tensor's shape is undone on the candidate's values. If the
digest then equals the golden's, that is a proof. Scaling and quantising round, so the sketch
measures the distance that is left.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import compress, islice, permutations, product

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint import digest, lattice, orders, sketch
from fpcheck.fingerprint.counterfactual import CONVOLUTION_RANKS
from fpcheck.fingerprint.measurement import Details
from fpcheck.fingerprint.orders import Order
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.fingerprint.weights import QUANTILE_SAMPLE

# The relative distance that is left after a float32 tensor is scaled and scaled back.
_ROUNDING = 1e-5
# The distance that may be left, as a share of the distance before undoing.
_SHARE = 0.05
_FEWEST_IN_SLICE = 4
# Larger tensors are not copied: the memory of the process that reads a file is limited.
_MOST_COPIED = 2**26
_FLOATS = ("float32", "float64", "float16", "bfloat16")
# float64 sums of the same values in another order agree to about 1e-13. Further training of a few
# rows of a large table changes them by 1e-8.
_SUMMED = 1e-11
# How many combinations of orders of several axes are tried.
_MOST_TRIALS = 256
Orders = dict[bytes, Order]
Reader = Callable[[bytes], AbstractContextManager[Array]]


def undo(wanted: Sequence[Wanted], read: Reader) -> tuple[Undone | None, ...]:
    """How numeric tensors, whose digests differ from the golden's, were changed; None if unknown.

    `read` gives the values of the candidate's tensor with a digest.
    """
    orders_seen: Orders = {}
    changes: list[Undone | None] = [None] * len(wanted)
    details = [(item.golden.details, item.candidate.details) for item in wanted]
    profiles = [was.profiles if was else () for was, _ in details]
    # The profiles of matrices show their order; vectors are then tried in the same orders.
    for number in sorted(range(len(wanted)), key=lambda n: not profiles[n]):
        was, now = details[number]
        if was is not None and now is not None and _has_norm(was) and _has_norm(now):
            with read(wanted[number].candidate.digest) as values:
                changes[number] = _undo_one(values, wanted[number], was, now, orders_seen)
    return tuple(changes)


def _has_norm(details: Details) -> bool:
    """Whether distances relative to a tensor are defined."""
    return details.statistics.l2 > 0 and not details.statistics.non_finite


def _undo_one(
    values: Array, item: Wanted, golden: Details, candidate: Details, orders_seen: Orders
) -> Undone | None:
    if not same_values(golden, candidate):
        rescaled = _rescaled(values, golden, candidate)
        if rescaled is not None or item.dtype not in _FLOATS:  # integers always are on a grid
            return rescaled
        return _quantized(values, golden, candidate)
    for undone, changed in _turned(values):
        if digest.of_array(changed, item.dtype) == item.golden.digest:
            return undone
    for axes, chosen in _ordered(values, golden, candidate, orders_seen):
        changed = values
        for axis, order in zip(axes, chosen, strict=True):
            changed = np.take(changed, np.argsort(order.indices), axis)
        if digest.of_array(changed, item.dtype) == item.golden.digest:
            orders_seen |= {order.indices.tobytes(): order for order in chosen}
            return Undone("ordered", axes=axes, names=tuple(order.name for order in chosen))
    return Undone("reordered", left=_distance(golden, candidate))


def same_values(golden: Details, candidate: Details) -> bool:
    """Whether two tensors have the same values in any order, judged by their statistics."""
    was, now = golden.statistics, candidate.statistics
    exact = ("count", "zeros", "nans", "infinities", "minimum", "maximum")
    if was.constant is not None or any(getattr(was, n) != getattr(now, n) for n in exact):
        return False
    sums = ((was.l1, now.l1), (was.l2, now.l2))
    close = all(abs(right - seen) <= _SUMMED * right for right, seen in sums)
    # Negated slices change neither l1 nor l2.
    close = close and abs(was.mean - now.mean) * was.count <= 1e-9 * was.l1
    # The quantiles of large tensors are those of a sample, which depends on the order.
    whole = was.count > QUANTILE_SAMPLE or np.array_equal(golden.quantiles, candidate.quantiles)
    return close and whole


def _turned(values: Array) -> Iterator[tuple[Undone, Array]]:
    """A kernel with its axes exchanged or its spatial axes reversed, as in other frameworks."""
    if values.ndim not in (2, *CONVOLUTION_RANKS):
        return
    space = range(values.ndim - 2)
    for exchanged in permutations(range(values.ndim)):
        if tuple(values.shape[a] for a in exchanged) != values.shape:
            continue
        for flags in product((False, True), repeat=len(space)):
            backwards = tuple(compress(space, flags))
            if backwards or exchanged != tuple(range(values.ndim)):
                changed = np.flip(np.transpose(values, exchanged), backwards)
                yield Undone("turned", exchanged=exchanged, reversed=backwards), changed


def _ordered(
    values: Array, golden: Details, candidate: Details, orders_seen: Orders
) -> Iterator[tuple[tuple[int, ...], tuple[Order, ...]]]:
    """Axes with an order of each that turn the golden's profiles into the candidate's."""
    if values.ndim == 1:
        known = [order for order in orders_seen.values() if order.indices.size == values.size]
        for order in (*known, *orders.usual(values.size)):
            yield (0,), (order,)
        return
    options: dict[int, list[Order]] = {}
    for axis, (right, seen) in enumerate(zip(golden.profiles, candidate.profiles, strict=True)):
        if not orders.same(right, seen):
            options[axis] = list(orders.matching(right, seen))
    if not options:  # profiles of slices with equal norms, such as normalised ones, show no order
        for axis, size in enumerate(values.shape):
            for order in orders.usual(size)[:_MOST_TRIALS]:
                yield (axis,), (order,)
    elif all(options.values()):
        for chosen in islice(product(*options.values()), _MOST_TRIALS):
            yield tuple(options), chosen


def _rescaled(values: Array, golden: Details, candidate: Details) -> Undone | None:
    """One factor for each slice along an axis, as after a normalisation was folded in."""
    if values.size > _MOST_COPIED:
        return None
    for axis, (right, seen) in enumerate(zip(golden.profiles, candidate.profiles, strict=True)):
        right = right.astype(np.float64)
        # A few values are a multiple of a few others by chance.
        few = values.size < _FEWEST_IN_SLICE * right.size
        if right.size < 2 or few or not (right > 0).all() or not (seen > 0).all():
            continue
        factors = seen / right
        shape = [-1 if a == axis else 1 for a in range(values.ndim)]
        with np.errstate(divide="ignore", invalid="ignore"):
            others = [
                candidate.profiles[a] / golden.profiles[a] for a in range(values.ndim) if a != axis
            ]
        # The factors vary most along their own axis.
        if any(np.std(o) > np.std(factors) for o in others) or np.std(factors) < 1e-6:
            continue
        back = sketch.of_array((values / factors.reshape(shape)).astype(np.float32))
        left = sketch.distance(golden.sketch, back) / golden.statistics.l2
        # A change as small as rounding is not a factor.
        if left <= _ROUNDING and left <= _SHARE * _distance(golden, candidate):
            return Undone("rescaled", axes=(axis,), left=left, figure=float(np.median(factors)))
    return None


def _quantized(values: Array, golden: Details, candidate: Details) -> Undone | None:
    """Values on a grid of few steps, at most half a step from the golden."""
    left = _distance(golden, candidate)
    for axis in (None, *range(values.ndim - 1, -1, -1)):
        grid = lattice.grid(values, axis)
        if grid is None:
            continue
        expected = grid.error / golden.statistics.l2
        if 0.3 * expected <= left <= 3 * expected:
            axes = () if axis is None else (axis,)
            return Undone("quantized", axes=axes, left=left, figure=float(grid.steps))
    return None


def _distance(golden: Details, candidate: Details) -> float:
    """The L2 distance of two tensors relative to the golden."""
    return sketch.distance(golden.sketch, candidate.sketch) / golden.statistics.l2
