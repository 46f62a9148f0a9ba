"""Measuring one tensor: digest, statistics, quantiles, sketch, axis profiles, counterfactuals."""

from collections.abc import Iterator

import numpy as np

from fpcheck.codec import Array, Value
from fpcheck.fingerprint import digest, sketch
from fpcheck.fingerprint.counterfactual import counterfactual_digests

RECIPE = "fpcheck-weights/1"
QUANTILES = (0.0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0)
# Exact quantiles need the whole tensor at once. Up to this size they are exact; above it they are
# those of a sample of this size at a fixed stride, which a reader can repeat.
QUANTILE_SAMPLE = 65_536


class Statistics(Value, frozen=True):
    """Summary figures of one tensor, over its finite values; float64."""

    count: int
    zeros: int
    nans: int
    infinities: int
    minimum: float
    maximum: float
    mean: float
    std: float
    l1: float
    l2: float

    @property
    def non_finite(self) -> int:
        """How many values are NaN or infinite."""
        return self.nans + self.infinities

    @property
    def constant(self) -> float | None:
        """The value that all have; None where they differ, or are not all finite."""
        same = self.minimum == self.maximum and not self.non_finite
        return self.minimum if same else None


class Details(Value, frozen=True, eq=False):
    """What lets a tensor be compared with one that is not equal to it.

    Attributes:
        statistics: summary figures.
        quantiles: float64 (len(QUANTILES),).
        sketch: float64 (sketch.PROJECTIONS,).
        profiles: for rank 2 and more, per axis the L2 norm of each slice, float32. A tensor of
            rank 1 is its own profile but for signs, so none is kept.
        counterfactuals: name of a usual mistake, and the digest that this tensor would then have.
    """

    statistics: Statistics
    quantiles: Array
    sketch: Array
    profiles: tuple[Array, ...]
    counterfactuals: dict[str, bytes]


class Measurement(Value, frozen=True, eq=False):
    """One measured tensor; `details` is None where only the digest was wanted, or for strings."""

    digest: bytes
    details: Details | None


def measure(values: Array, dtype: str, known: frozenset[bytes] = frozenset()) -> Measurement:
    """Measure one tensor.

    Args:
        values: any shape; any numeric type of numpy or ml_dtypes, or strings.
        dtype: the framework's name of the type.
        known: digests that need no details, since the golden holds them already.
    """
    own = digest.of_array(values, dtype)
    if own in known or values.dtype.kind in "OSU":
        return Measurement(own, None)
    return Measurement(own, measure_details(values, dtype, own))


def measure_details(values: Array, dtype: str, own: bytes) -> Details:
    """Everything beyond the digest `own` of a numeric tensor, in one pass over fixed blocks."""
    statistics, projected = _scan(values)
    return Details(
        statistics=statistics,
        quantiles=_quantiles(values),
        sketch=projected,
        profiles=_profiles(values),
        counterfactuals=counterfactual_digests(values, dtype, own),
    )


def _scan(values: Array) -> tuple[Statistics, Array]:
    flat = np.ascontiguousarray(values).reshape(-1)
    total = np.zeros(sketch.PROJECTIONS)
    zeros = nans = infinities = count = 0
    mean = squares = l1 = l2 = 0.0
    minimum, maximum = np.inf, -np.inf
    for place, start in enumerate(range(0, flat.size, sketch.BLOCK)):
        block = flat[start : start + sketch.BLOCK].astype(np.float64)
        finite = np.isfinite(block)
        if finite.all():
            total += sketch.of_block(block, place)
        else:
            total += np.nan
            nans += int(np.isnan(block).sum())
            infinities += int(np.isinf(block).sum())
            block = block[finite]
        if not block.size:
            continue
        # Chan, Golub, LeVeque 1983: merging means and sums of squared deviations of two parts.
        part = block - (part_mean := float(block.mean()))
        shift, merged = part_mean - mean, count + block.size
        squares += float((part * part).sum()) + shift * shift * count * block.size / merged
        mean += shift * block.size / merged
        count = merged
        zeros += int((block == 0).sum())
        minimum, maximum = min(minimum, float(block.min())), max(maximum, float(block.max()))
        l1 += float(np.abs(block).sum())
        l2 += float((block * block).sum())
    if not count:
        minimum = maximum = mean = 0.0
    std = float(np.sqrt(squares / count)) if count else 0.0
    figures = (float(minimum), float(maximum), mean, std, l1, float(np.sqrt(l2)))
    return Statistics(flat.size, zeros, nans, infinities, *figures), total


def _quantiles(values: Array) -> Array:
    flat = values.reshape(-1)
    sample = flat[:: -(-flat.size // QUANTILE_SAMPLE) or 1].astype(np.float64)
    sample = np.sort(sample[np.isfinite(sample)])
    if not sample.size:
        return np.zeros(len(QUANTILES))
    # The nearest rank, so that a quantile is always a value of the tensor.
    ranks = np.rint(np.array(QUANTILES) * (sample.size - 1)).astype(int)
    chosen: Array = sample[ranks]
    return chosen


def _slabs(values: Array) -> Iterator[tuple[slice, Array]]:
    """The tensor cut along its first axis into parts of about a million values, squared."""
    width = max(1, values.size // max(1, values.shape[0]))
    step = max(1, 2**20 // width)
    for start in range(0, values.shape[0], step):
        place = slice(start, start + step)
        yield place, np.square(values[place].astype(np.float64))


def _profiles(values: Array) -> tuple[Array, ...]:
    if values.ndim < 2:
        return ()
    sums = [np.zeros(size) for size in values.shape]
    axes = range(values.ndim)
    for place, squared in _slabs(values):
        for axis in axes:
            others = tuple(other for other in axes if other != axis)
            sums[axis][place if axis == 0 else slice(None)] += squared.sum(axis=others)
    return tuple(np.sqrt(part).astype(np.float32) for part in sums)
