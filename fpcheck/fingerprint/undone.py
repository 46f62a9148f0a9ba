"""What `undoing` is asked and answers; values only, since they cross processes."""

from typing import Literal

from fpcheck.codec import Value
from fpcheck.fingerprint.measurement import Measurement

How = Literal["turned", "ordered", "reordered", "rescaled", "quantized"]


class Wanted(Value, frozen=True, eq=False):
    """A tensor of the candidate, known by its digest, and the golden's that it should be."""

    candidate: Measurement
    golden: Measurement
    dtype: str


class Undone(Value, frozen=True):
    """What was undone to get the golden's tensor.

    Attributes:
        how: `turned` (axes exchanged or reversed), `ordered` (slices along axes in another order),
            `reordered` (the same values, nobody knows how), `rescaled` along an axis, `quantized`.
        exchanged: for `turned`, the order of the axes.
        reversed: for `turned`, the axes whose slices run backwards.
        axes: those that were ordered, rescaled, or quantised separately.
        names: for `ordered`, what the order of each axis is called; empty if nothing usual.
        left: relative L2 distance to the golden; 0 is a proof by digest.
        figure: for `rescaled`, the median factor; for `quantized`, how many steps there are.
    """

    how: How
    exchanged: tuple[int, ...] = ()
    reversed: tuple[int, ...] = ()
    axes: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    left: float = 0.0
    figure: float = 0.0
