"""Values at ranks: what sorting gives."""

import numpy as np
import pytest

from fpcheck.codec import Array
from fpcheck.fingerprint.weights import at_ranks

DRAWN = np.random.default_rng(0).normal(size=20_000).astype(np.float32)


@pytest.mark.parametrize(
    "values",
    [
        DRAWN,
        -np.abs(DRAWN),
        DRAWN * np.float32(1e-42),
        DRAWN * np.float32(5e37),
        np.round(DRAWN) + np.float32(0),
        1 + DRAWN * np.float32(1e-6),
        np.full(20_000, -2.5, np.float32),
        np.sort(DRAWN)[::-1],
        DRAWN[:100],
        DRAWN[:1],
        DRAWN.astype(np.float64) / 3,
    ],
    ids=[
        "drawn",
        "negative",
        "subnormal",
        "large",
        "whole",
        "near one",
        "constant",
        "reversed",
        "few",
        "one",
        "float64",
    ],
)
def test_it_equals_the_result_of_sorting(values: Array) -> None:
    ranks = np.array([0, 0, 1, 5, values.size // 3, values.size // 2, values.size - 1])
    ranks = np.minimum(ranks, values.size - 1)
    assert at_ranks(values, ranks).tobytes() == np.sort(values)[ranks].tobytes()
