"""Measuring one tensor: digest, statistics, quantiles, sketch, axis profiles, counterfactuals."""

import math
from typing import NamedTuple

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint import blocks, counterfactual, digest, sketch
from fpcheck.fingerprint.measurement import QUANTILES, Details, Measurement, Statistics

RECIPE = "fpcheck-weights/1"
# Quantiles are exact up to this many values. Above, they are those of a sample of at most this many
# values at a fixed stride, since exact ones need the whole tensor at once.
QUANTILE_SAMPLE = 65_536
Index = tuple[slice, ...]
# For fewer values, sorting is faster than counting.
_FEW = 2**13
_SIGN = np.uint32(0x8000_0000)
# Values that one thread measures at once: about a millisecond of work.
_AT_ONCE = 4 * sketch.BLOCK
# Values of a slab of axis profiles. It is part of the recipe, since the sums of slabs are rounded.
_SLAB = 2**20
# What is added, when the figures of two parts of a tensor are merged.
_SUMS = ("finite", "zeros", "l1", "squares", "nans", "infinities", "projected")


def measure(
    values: Array, dtype: str, known: frozenset[bytes] = frozenset(), threads: int | None = None
) -> Measurement:
    """The measurement of one tensor of any numeric type of numpy or ml_dtypes, or of strings.

    It may be as large as memory or be a mapped file, since it is never copied as a whole. `dtype`
    is Keras's name of the type. Digests that are `known`, since the golden contains them, need no
    details. The result does not depend on `threads`; None stands for as many as are useful.
    """
    own = digest.of_array(values, dtype, threads)
    if own in known or values.dtype.kind in "OSU":
        return Measurement(own, None)
    return Measurement(own, measure_details(values, dtype, own, threads))


def measure_details(values: Array, dtype: str, own: bytes, threads: int | None = None) -> Details:
    """The details of a numeric tensor with the digest `own`; `threads` as for `measure`."""
    values = np.asarray(values)
    threads = threads or blocks.threads_for(values)
    scan, profiles = _Scan(values), _Profiles(values)
    parts = range(0, values.size, _AT_ONCE)
    slabs = blocks.slabs(values.shape, _SLAB) if values.ndim > 1 else ()
    with blocks.workers(threads) as submit:
        changed = counterfactual.start(submit, values, dtype, own)
        quantiles = submit(_quantiles, values)
        gauges = (scan.measure, scan.merge, parts), (profiles.measure, profiles.merge, slabs)
        blocks.run(submit, gauges, ahead=2 * threads)
        return Details(
            statistics=scan.statistics(),
            quantiles=quantiles(),
            sketch=scan.total.projected,
            profiles=profiles.norms(),
            counterfactuals=changed(),
        )


class _Figures(NamedTuple):
    """The statistics of a part of a tensor, over its `finite` values, and the part's sketch."""

    finite: int = 0
    zeros: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    mean: float = 0.0
    deviations: float = 0.0  # the sum of squared differences from the mean
    l1: float = 0.0
    squares: float = 0.0  # their sum
    nans: int = 0
    infinities: int = 0
    projected: Array = np.zeros(sketch.PROJECTIONS)  # NaN if not all values are finite


class _Scan:
    """A gauge of statistics and sketch: one pass over fixed blocks."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self.total = _Figures()
        count = -(-min(values.size, _AT_ONCE) // sketch.BLOCK)
        self.room = blocks.Room(*[count * sketch.room(values.size)] * 2)

    def measure(self, part: int) -> list[_Figures]:
        flat = blocks.piece(self.values, part, min(part + _AT_ONCE, self.values.size))
        number, (count, rest) = part // sketch.BLOCK, divmod(flat.size, sketch.BLOCK)
        whole = flat[: flat.size - rest].reshape(count, sketch.BLOCK)
        figures = self._blocks(whole, number) if count else []
        return figures + (self._blocks(flat[-rest:][None], number + count) if rest else [])

    def _blocks(self, values: Array, number: int) -> list[_Figures]:
        """The figures of blocks of equal size, one per row; `number` is that of the first.

        All at once, since each call of numpy takes time.
        """
        count, size = values.shape
        padded, spare = (array[: count * sketch.room(size)] for array in self.room.arrays)
        padded = padded.reshape(count, -1)
        wide = padded[:, :size]
        np.copyto(wide, values, casting="unsafe")
        # A cast does not change the order, and half the bytes take half the time.
        narrow = values if values.dtype == np.float32 else wide
        least = narrow.min(axis=1).astype(np.float64)
        most = narrow.max(axis=1).astype(np.float64)
        if not (np.isfinite(least).all() and np.isfinite(most).all()):
            if count == 1:
                return [_of_the_finite(wide[0])]
            return [self._blocks(row[None], number + n)[0] for n, row in enumerate(values)]
        figures = _figures(wide, least, most, spare[: wide.size].reshape(wide.shape))
        projected = sketch.of_blocks(padded, size, np.maximum(most, -least), number)
        return [each._replace(projected=p) for each, p in zip(figures, projected, strict=True)]

    def merge(self, figures: list[_Figures]) -> None:
        for block in figures:
            before = self.total
            sums = {name: getattr(before, name) + getattr(block, name) for name in _SUMS}
            finite, mean, deviations = sums["finite"], before.mean, before.deviations
            if block.finite:
                # Chan, Golub, LeVeque 1983: merges means and sums of squared deviations.
                shift = block.mean - mean
                deviations += (
                    block.deviations + shift * shift * before.finite * block.finite / finite
                )
                mean += shift * block.finite / finite
            least, most = min(before.minimum, block.minimum), max(before.maximum, block.maximum)
            self.total = _Figures(
                minimum=least, maximum=most, mean=mean, deviations=deviations, **sums
            )

    def statistics(self) -> Statistics:
        """The statistics of the whole tensor; 0 if no value is finite."""
        total = self.total
        counts = (self.values.size, total.zeros, total.nans, total.infinities)
        extremes = (total.minimum, total.maximum) if total.finite else (0.0, 0.0)
        std, l2 = math.sqrt(total.deviations / max(1, total.finite)), math.sqrt(total.squares)
        return Statistics(*counts, *extremes, total.mean, std, total.l1, l2)


def _figures(values: Array, least: Array, most: Array, spare: Array) -> list[_Figures]:
    """The figures of blocks of finite values, without sketches; overwrites `spare`."""
    count, size = values.shape
    np.absolute(values, out=spare)
    l1 = spare.sum(axis=1)
    zeros = np.zeros(count, int) if spare.min() else (spare == 0.0).sum(axis=1)
    mean = values.sum(axis=1) / size
    squares = np.einsum("ij,ij->i", values, values)
    # From the squares if that loses at most one bit, else in a second pass.
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = squares - size * mean * mean
    if (cancelled := ~(deviations >= squares / 2)).any():
        np.subtract(values, mean[:, None], out=spare)
        exact = np.einsum("ij,ij->i", spare, spare)
        deviations = np.where(cancelled, exact, deviations)
    # Zero has two signs, and which one is the minimum depends on the processor: use +0.
    columns = (zeros, least + 0.0, most + 0.0, mean, deviations, l1, squares)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [_Figures(size, *row) for row in rows]


def _of_the_finite(values: Array) -> _Figures:
    """The figures of one block with values that are not finite; it has no sketch."""
    finite = values[np.isfinite(values)][None]
    figures = _Figures()
    if finite.size:
        extremes = finite.min(axis=1), finite.max(axis=1)
        (figures,) = _figures(finite, *extremes, np.empty_like(finite))
    return figures._replace(
        nans=int(np.isnan(values).sum()),
        infinities=int(np.isinf(values).sum()),
        projected=np.full(sketch.PROJECTIONS, np.nan),
    )


class _Profiles:
    """A gauge of axis profiles, the L2 norm of each slice, for rank 2 and more."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self.sums = tuple(np.zeros(size) for size in values.shape) if values.ndim > 1 else ()
        self.room = blocks.Room(min(values.size, _SLAB))

    def measure(self, part: Index) -> tuple[Index, list[Array]]:
        """The sums of squares of a slab along all its axes."""
        slab = self.values[part]
        squared = self.room.arrays[0][: slab.size].reshape(slab.shape)
        np.copyto(squared, slab, casting="unsafe")
        np.square(squared, out=squared)
        others = [tuple(o for o in range(slab.ndim) if o != axis) for axis in range(slab.ndim)]
        return part, [squared.sum(axis=axes) for axes in others]

    def merge(self, figures: tuple[Index, list[Array]]) -> None:
        index, sums = figures
        for axis, part in enumerate(sums):  # a slab is cut along the first axes only
            self.sums[axis][index[axis : axis + 1]] += part

    def norms(self) -> tuple[Array, ...]:
        """One float32 array per axis."""
        return tuple(np.sqrt(part).astype(np.float32) for part in self.sums)


def _quantiles(values: Array) -> Array:
    step = -(-values.size // QUANTILE_SAMPLE) or 1
    flat = values.reshape(-1) if values.flags.c_contiguous else values.flat
    # A cast to either type changes no value that it is used for, nor the order.
    kind = np.float32 if np.can_cast(values.dtype, np.float32) else np.float64
    sample = flat[::step].astype(kind)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return np.zeros(len(QUANTILES))
    # The nearest rank, so that a quantile is always a value of the tensor.
    ranks = np.rint(np.array(QUANTILES) * (sample.size - 1)).astype(int)
    # As in `_figures`, zero is +0.
    return at_ranks(sample + kind(0), ranks).astype(np.float64)


def at_ranks(values: Array, ranks: Array) -> Array:
    """The same as `np.sort(values)[ranks]`, for finite values without -0.

    For float32, it sorts the upper halves of the values, and then the lower halves of those at the
    ranks: numpy sorts 16 bits by counting, ten times faster than by comparing.
    """
    if values.dtype != np.float32 or values.size < _FEW:
        return np.sort(values)[ranks]
    # Unsigned integers in the order of the values: signs inverted, negative ones reversed.
    keys = values.view(np.uint32) ^ ((values.view(np.int32) >> 31).view(np.uint32) | _SIGN)
    upper, lower = (keys >> 16).astype(np.uint16), keys.astype(np.uint16)
    ordered = np.sort(upper, kind="stable")
    wanted, chosen = ordered[ranks], np.empty(len(ranks), np.uint32)
    for each in np.unique(wanted):
        here = wanted == each
        places = ranks[here] - np.searchsorted(ordered, each)
        among = np.sort(lower[upper == each], kind="stable")[places]
        chosen[here] = np.uint32(each) << 16 | among
    return (chosen ^ (((chosen >> 31) - 1) | _SIGN)).view(np.float32)
