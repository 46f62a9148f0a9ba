"""Whether values lie on a grid of few steps, as dequantised weights do."""

import math

import numpy as np

from fpcheck.codec import Array, Value

# 8 bits have 256 steps.
MOST_STEPS = 256
# How many values of a slice, and how many slices, are inspected: a few show a grid.
_VALUES, _SLICES = 4096, 64
# One value is this close to a step by chance in 1 of 250 cases, so at least four values must be.
# Some of many slices fit one of the grids below by chance, so half of the slices must fit one.
_FEWEST, _SHARE = 4, 0.5
# Grids around zero whose last step is the largest value: 8 and 4 bits. A few values may not include
# neighbouring steps, so these grids are tried before the gaps between values.
_SYMMETRIC = (7, 8, 127, 128)
# How far a value may be from the grid, in steps: rounding of float32 at 256 steps.
_OFF = 2e-3


class Grid(Value, frozen=True):
    """A grid: the number of steps in its widest slice, and the L2 error of rounding to it."""

    steps: int
    error: float


def grid(values: Array, axis: int | None) -> Grid | None:
    """The grid on which all values lie; None if there is none with at most `MOST_STEPS`.

    Each slice along `axis` has its own grid; None is one grid for all values.
    """
    slices = values.reshape(1, -1) if axis is None else np.moveaxis(values, axis, 0)
    slices = slices.reshape(len(slices), -1)
    if not slices.size:
        return None
    chosen = np.linspace(0, len(slices) - 1, min(len(slices), _SLICES)).astype(int)
    squares, most, distances = 0.0, 0, 0
    for place in dict.fromkeys(chosen.tolist()):
        step, steps, free = _steps(slices[place])
        if steps > MOST_STEPS:
            return None
        squares += step * step / 12 * slices.shape[1]
        most, distances = max(most, steps), distances + free
    if distances < max(_FEWEST, _SHARE * len(chosen)):
        return None
    return Grid(most, math.sqrt(squares * len(slices) / len(chosen)))


def _steps(values: Array) -> tuple[float, int, int]:
    """The width of a step, the number of steps, and how many values or gaps agree with it."""
    levels = np.unique(values[:_VALUES].astype(np.float64))
    if len(levels) > MOST_STEPS + 1:
        return 0.0, MOST_STEPS + 1, 0
    largest = float(np.abs(levels).max(initial=0.0))
    for most in _SYMMETRIC:
        places = levels / largest * most if largest else levels
        steps = np.rint(places)
        # If one value is huge, all others round to step zero: that is not a grid.
        spread = 2 * len(np.unique(steps)) > len(levels)
        if largest and spread and np.abs(places - steps).max() <= _OFF:
            return largest / most, 2 * most, len(levels) - 1
    # A grid that need not include zero or the largest value.
    gaps = np.diff(levels)
    if not len(gaps):
        return 0.0, 0, 0  # all values are equal
    multiples = gaps / gaps.min()
    steps = np.rint(multiples)
    if not (np.abs(multiples - steps) <= _OFF * np.maximum(1.0, multiples)).all():
        return 0.0, MOST_STEPS + 1, 0
    return float((levels[-1] - levels[0]) / steps.sum()), int(steps.sum()), len(gaps) - 1
