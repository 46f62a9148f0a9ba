"""The measurement of one tensor; `weights` measures."""

from fpcheck.codec import Array, Value

QUANTILES = (0.0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0)


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
        """The value of all elements; None if they differ or are not all finite."""
        same = self.minimum == self.maximum and not self.non_finite
        return self.minimum if same else None


class Details(Value, frozen=True, eq=False):
    """What is needed to compare a tensor with one that is not equal to it.

    Attributes:
        quantiles: float64 (len(QUANTILES),).
        sketch: float64 (sketch.PROJECTIONS,).
        profiles: for rank 2 and more, the L2 norm of each slice along each axis, float32. The
            profile of a tensor of rank 1 would be its absolute values, so it has none.
        counterfactuals: the digest that this tensor would have after each common mistake, by name.
    """

    statistics: Statistics
    quantiles: Array
    sketch: Array
    profiles: tuple[Array, ...]
    counterfactuals: dict[str, bytes]


class Measurement(Value, frozen=True, eq=False):
    """One measured tensor; `details` is None for strings, or if only the digest is needed."""

    digest: bytes
    details: Details | None
