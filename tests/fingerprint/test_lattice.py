"""Grids of few steps: found where values were quantised, and nowhere else."""

import numpy as np
import pytest

from fpcheck.codec import Array
from fpcheck.fingerprint.lattice import MOST_STEPS, grid

DRAW = np.random.default_rng(4).normal(size=(3, 3, 16, 24)).astype(np.float32)


def symmetric(values: Array, most: int, axis: int | None = None) -> Array:
    """Rounded to steps around zero, the largest value of each slice being the last one."""
    others = tuple(a for a in range(values.ndim) if a != axis)
    step = np.abs(values).max(axis=others, keepdims=True) / most
    return np.asarray(np.rint(values / step) * step).astype(np.float32)


def spaced(values: Array, steps: int) -> Array:
    """Rounded to steps from the smallest to the largest value, zero lying anywhere."""
    low, high = values.min(), values.max()
    step = (high - low) / steps
    return np.asarray(np.rint((values - low) / step) * step + low).astype(np.float32)


@pytest.mark.parametrize("most", [7, 127, 128])
@pytest.mark.parametrize("axis", [None, 3, 2])
def test_quantised_values_are_on_a_grid(most: int, axis: int | None) -> None:
    found = grid(symmetric(DRAW, most, axis), axis)
    assert found is not None
    assert found.steps in (2 * most, 2 * most + 2)  # 127 and 128 are told apart by few values only


@pytest.mark.parametrize("steps", [15, 255])
def test_a_grid_need_not_contain_zero(steps: int) -> None:
    found = grid(spaced(DRAW, steps), None)
    assert found is not None
    assert found.steps <= steps


@pytest.mark.parametrize("most", [7, 127])
def test_the_error_is_that_of_rounding_to_the_grid(most: int) -> None:
    near = symmetric(DRAW, most)
    found = grid(near, None)
    assert found is not None
    assert found.error == pytest.approx(float(np.linalg.norm(near - DRAW)), rel=0.05)


@pytest.mark.parametrize(
    "values",
    [
        DRAW,
        DRAW.astype(np.float16).astype(np.float32),
        np.zeros((4, 4), np.float32),
        np.full(9, 0.5, np.float32),
        np.float32(3.0).reshape(()),
        np.zeros((0, 5), np.float32),
        np.array([0.1, 0.7], np.float32),
        spaced(DRAW, 4 * MOST_STEPS),
    ],
    ids=["trained", "float16", "zeros", "constant", "scalar", "empty", "two", "too-many-steps"],
)
def test_other_values_are_on_no_grid(values: Array) -> None:
    assert grid(values, None) is None


def test_grids_per_channel_are_not_one_grid() -> None:
    channels = symmetric(DRAW, 127, axis=3)
    assert grid(channels, None) is None
    assert grid(channels, 3) is not None


@pytest.mark.parametrize("shape", [(2, 16), (2, 64), (2, 500), (3, 64)])
def test_slices_of_few_values_are_not_on_a_grid_by_chance(shape: tuple[int, int]) -> None:
    draws = (np.random.default_rng(seed).normal(size=shape) for seed in range(100))
    assert [seed for seed, draw in enumerate(draws) if grid(draw.astype(np.float32), 1)] == []
