"""The arguments and results of `undoing.undo`; they cross processes."""

from typing import Literal

from fpcheck.codec import Value
from fpcheck.fingerprint.measurement import Measurement

How = Literal["turned", "ordered", "reordered", "rescaled", "quantized"]


class Wanted(Value, frozen=True, eq=False):
    """A tensor of the candidate, known by its digest, and the golden's tensor that is expected."""

    candidate: Measurement
    golden: Measurement
    dtype: str


class Undone(Value, frozen=True):
    """The change that was undone to get the golden's tensor.

    Attributes:
        how: `turned` (axes exchanged or reversed), `ordered` (slices along axes in another order),
            `reordered` (the same values, order unknown), `rescaled` along an axis, `quantized`.
        exchanged: for `turned`, the order of the axes.
        reversed: for `turned`, the reversed axes.
        axes: the axes that were ordered, rescaled, or quantised separately.
        names: for `ordered`, the name of each axis's order; empty if it is not a common one.
        left: the relative L2 distance to the golden that is left; 0 is a proof by digest.
        figure: for `rescaled`, the median factor; for `quantized`, the number of steps.
    """

    how: How
    exchanged: tuple[int, ...] = ()
    reversed: tuple[int, ...] = ()
    axes: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    left: float = 0.0
    figure: float = 0.0
