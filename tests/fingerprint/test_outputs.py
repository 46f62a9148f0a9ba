"""Outputs: what is kept of an answer, and how far two answers are apart."""

import numpy as np
import pytest

from fpcheck.codec import Array
from fpcheck.fingerprint import outputs, sketch
from fpcheck.fingerprint.outputs import LONGEST_OUTPUT, Noise

GOLDEN = np.array([[3.0, -4.0], [0.0, 5.0]], np.float32)
RMS = np.sqrt(50 / 4)


@pytest.mark.parametrize("change", [1e-6, 1e-3, 0.5, 7.0])
def test_the_difference_is_the_largest_over_the_rms_of_the_golden(change: float) -> None:
    other = GOLDEN.astype(np.float64)
    other[1, 1] -= change
    other[0, 0] += change / 2
    assert outputs.relative_difference(GOLDEN, other) == pytest.approx(change / RMS)


def test_the_golden_is_the_reference_side() -> None:
    assert outputs.relative_difference(GOLDEN, 3 * GOLDEN) == pytest.approx(10 / RMS)
    assert outputs.relative_difference(3 * GOLDEN, GOLDEN) == pytest.approx(10 / RMS / 3)


def test_it_is_computed_in_double_precision() -> None:
    large = np.full(4, 3e38, np.float32)
    assert outputs.relative_difference(large, -large) == pytest.approx(2)
    assert outputs.relative_difference(*np.array([[1], [2]], np.uint8)) == 1.0


BAD = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize(
    ("golden", "other"),
    [(0.0, b) for b in BAD] + [(b, 0.0) for b in BAD] + [(b, b) for b in BAD],
)
@pytest.mark.parametrize("rest", [0.0, 2.0])
def test_values_that_are_not_finite_are_never_within_tolerance(
    golden: float, other: float, rest: float
) -> None:
    difference = outputs.relative_difference(np.array([rest, golden]), np.array([rest, other]))
    assert not difference <= 1e30


def test_a_golden_of_zeros_is_measured_absolutely() -> None:
    zeros = np.zeros(3)
    assert outputs.relative_difference(zeros, zeros) == 0
    assert outputs.relative_difference(zeros, np.array([0, 0.25, 0])) == 0.25


def test_empty_outputs_do_not_differ() -> None:
    assert outputs.relative_difference(np.zeros((4, 0)), np.zeros((4, 0))) == 0


@pytest.mark.parametrize(
    ("others", "wanted"),
    [
        ((GOLDEN, GOLDEN), 0.0),
        ((GOLDEN, GOLDEN + 1), 1 / RMS),
        ((GOLDEN * np.nan, GOLDEN), np.nan),
        ((GOLDEN, GOLDEN * np.nan), np.nan),
        ((GOLDEN,), np.inf),
        ((GOLDEN, GOLDEN[:1]), np.inf),
        ((GOLDEN, GOLDEN[:, :1]), np.inf),
    ],
)
def test_the_worst_output_counts(others: tuple[Array, ...], wanted: float) -> None:
    found = outputs.largest_difference((GOLDEN, GOLDEN), others)
    assert found == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        ((4, 10), (4, 10)),
        ((4,), (4, 1)),
        ((2, LONGEST_OUTPUT), (2, LONGEST_OUTPUT)),
        ((2, LONGEST_OUTPUT + 1), (2, LONGEST_OUTPUT // 2 + 1)),
        ((2, 100, 100, 4), (2, 13_334)),
        ((2, 0), (2, 0)),
    ],
)
def test_large_outputs_are_kept_at_a_stride(shape: tuple[int, ...], kept: tuple[int, ...]) -> None:
    output = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    found = outputs.kept(output)
    assert (found.shape, found.dtype) == (kept, np.dtype(np.float32))
    stride = -(-output[0].size // LONGEST_OUTPUT) or 1
    assert found.tolist() == output.reshape(shape[0], -1)[:, ::stride].tolist()


def test_an_answer_sketches_all_of_a_large_output() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 200, 200)).astype(np.float32)
    found = outputs.answer("mask", logits, 2 * logits, True)
    assert (found.name, found.shape, found.squashed) == ("mask", (2, 200, 200), True)
    assert found.sketch.tobytes() == sketch.of_array(logits).tobytes()
    assert found.final.tolist() == (2 * found.logits).tolist()


@pytest.mark.parametrize(
    ("noise", "largest"),
    [
        (Noise(), 0.0),
        (Noise(0.0, 0.0, None), 0.0),
        (Noise(1e-7, None, 3e-7), 3e-7),
        (Noise(0.0, 2e-6, 1e-6), 2e-6),
    ],
)
def test_the_largest_noise_that_was_measured_counts(noise: Noise, largest: float) -> None:
    assert noise.largest == largest
