"""Rounding through a narrower type: the same bits as numpy and ml_dtypes give."""

from collections.abc import Iterator

import ml_dtypes
import numpy as np
import pytest

from fpcheck.codec import Array
from fpcheck.fingerprint.counterfactual import rounded

BOTH = [np.float16, ml_dtypes.bfloat16]
# Lower halves of float32 that are, or are next to, a half or a unit of either type.
LOWER = [
    0,
    1,
    0x0FFF,
    0x1000,
    0x1001,
    0x1FFF,
    0x2000,
    0x3000,
    0x7FFF,
    0x8000,
    0x8001,
    0xF000,
    0xFFFF,
]
EVERY = (
    ((np.arange(2**16, dtype=np.uint32)[:, None] << 16) | np.array(LOWER, np.uint32))
    .reshape(-1)
    .view(np.float32)
)


def joined(parts: Iterator[Array]) -> bytes:
    return b"".join(part.tobytes() for part in parts)


def expected(values: Array, through: type) -> bytes:
    with np.errstate(all="ignore"):
        return values.astype(through).astype(values.dtype).tobytes()


@pytest.mark.parametrize("through", BOTH)
def test_every_upper_half_of_float32_is_rounded_right(through: type) -> None:
    assert joined(rounded(EVERY, through)) == expected(EVERY, through)


@pytest.mark.parametrize("through", BOTH)
def test_every_finite_value_within_float16_is_rounded_right(through: type) -> None:
    """Without NaN and large values beside it, which make whole pieces take the detour."""
    within = EVERY[np.abs(EVERY) < 2.0**15]
    assert joined(rounded(within, through)) == expected(within, through)


@pytest.mark.parametrize("through", BOTH)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-300, 1e-44, 1e-7, 1e-4, 1.0, 3e4, 1e38, 1e300])
def test_random_values_are_rounded_right(through: type, kind: type, scale: float) -> None:
    with np.errstate(all="ignore"):
        values: Array = (np.random.default_rng(0).normal(size=5000) * scale).astype(kind)
    assert joined(rounded(values, through)) == expected(values, through)


@pytest.mark.parametrize("through", BOTH)
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf, 65_519.9, 65_520.0, -7e4])
def test_a_value_beyond_float16_does_not_affect_other_values(through: type, bad: float) -> None:
    values = np.random.default_rng(0).normal(size=300_000).astype(np.float32)
    values[[7, 299_999]] = bad
    assert joined(rounded(values, through)) == expected(values, through)


@pytest.mark.parametrize("through", BOTH)
@pytest.mark.parametrize("size", [0, 1, 2**11, 2**11 + 1, 2**18, 2**18 + 1])
def test_the_borders_of_pieces_do_not_change_the_result(through: type, size: int) -> None:
    values = np.random.default_rng(0).normal(size=(size, 1)).astype(np.float32)
    assert joined(rounded(values, through)) == expected(values, through)
    assert joined(rounded(values[::-1], through)) == expected(values[::-1], through)
