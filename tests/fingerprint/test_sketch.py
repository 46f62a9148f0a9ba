"""Sketches: distances from a few numbers, the same bytes everywhere."""

import os
import subprocess
import sys

import numpy as np
import pytest

from fpcheck.codec import Array
from fpcheck.fingerprint import digest, sketch

SHAPES = [(5,), (64,), (3, 3, 3, 16), (7, 7, 3, 64), (300, 500), (1, 1, 512, 512), (70_000,)]
# The standard deviation of an estimate is 1 / sqrt(2 * PROJECTIONS); three of them.
THREE_DEVIATIONS = 3 / np.sqrt(2 * sketch.PROJECTIONS)


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def seen(values: Array, other: Array) -> float:
    return sketch.distance(sketch.of_array(values), sketch.of_array(other))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("relative", [1e-6, 1e-5, 1e-4, 1e-3, 1e-2])
def test_it_estimates_relative_distances(shape: tuple[int, ...], relative: float) -> None:
    values, change = drawn(*shape), drawn(*shape, seed=1)
    change *= relative * np.linalg.norm(values) / np.linalg.norm(change)
    estimate = seen(values, values + change) / np.linalg.norm(values)
    assert estimate == pytest.approx(relative, rel=THREE_DEVIATIONS)


def test_estimates_are_right_on_average() -> None:
    ratios = [
        seen(drawn(40, 40, seed=n), drawn(40, 40, seed=n) + 1e-3 * drawn(40, 40, seed=n + 999))
        / (1e-3 * np.linalg.norm(drawn(40, 40, seed=n + 999)))
        for n in range(200)
    ]
    # The signs are the same in all draws, so the mean varies less than one estimate, not 1/sqrt(n).
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)
    assert np.std(ratios) < 0.15


def test_a_sketch_is_these_bytes_for_ever() -> None:
    values = (np.arange(70_000, dtype=np.int64) * 7919 % 1009 - 500).astype(np.float32) / 256
    found = sketch.of_array(values)
    assert found[:4].tolist() == [-93.95703125, -13.39453125, -311.59765625, 95.57421875]
    assert digest.text(digest.of_array(found, "float64")) == (
        "b3:a72b1911eb7fcb36e69c57411657c5d7db584338731c065a22ef6a2d258fd68f"
    )


def test_it_does_not_depend_on_memory_order_or_type() -> None:
    values = drawn(12, 300, 40).astype(np.float32)
    wanted = sketch.of_array(values).tobytes()
    assert sketch.of_array(np.asfortranarray(values)).tobytes() == wanted
    assert sketch.of_array(values.astype(">f4")).tobytes() == wanted
    assert sketch.of_array(values.astype(np.float64)).tobytes() == wanted
    assert sketch.of_array(np.repeat(values, 2, axis=1)[:, ::2]).tobytes() == wanted


def of_block(values: Array, place: int) -> Array:
    """The sketch of one block, by the number of its place in a tensor."""
    padded = np.empty((1, sketch.room(values.size)))
    padded[0, : values.size] = values
    largest = np.abs(values).max(keepdims=True)
    found: Array = sketch.of_blocks(padded, values.size, largest, place)[0]
    return found


def test_sketches_of_blocks_add_up() -> None:
    values = drawn(3 * sketch.BLOCK + 17)
    blocks = [values[i : i + sketch.BLOCK] for i in range(0, values.size, sketch.BLOCK)]
    total = np.zeros(sketch.PROJECTIONS)
    for place, block in enumerate(blocks):
        total += of_block(block, place)
    assert total.tobytes() == sketch.of_array(values).tobytes()
    assert len({of_block(blocks[0], place).tobytes() for place in range(600)}) == 600


def test_blocks_can_be_sketched_together() -> None:
    values = drawn(7, sketch.BLOCK) * 10.0 ** np.arange(-300, 330, 90)[:, None]
    values[3] = 0
    largest = np.abs(values).max(axis=1)
    together = sketch.of_blocks(values.copy(), sketch.BLOCK, largest, 253)
    for place, block in enumerate(values):
        np.testing.assert_array_equal(together[place], of_block(block, 253 + place))


@pytest.mark.parametrize("size", [1, 255, 256, 257, 4095, 4096, 4097, 8000, 65_535, 65_536])
def test_what_follows_a_block_in_its_room_does_not_matter(size: int) -> None:
    padded = np.full((1, sketch.room(size)), np.nan)
    padded[0, :size] = drawn(size)
    largest = np.abs(padded[:, :size]).max(axis=1)
    found = sketch.of_blocks(padded, size, largest, 0)[0]
    assert found.tobytes() == sketch.of_array(drawn(size)).tobytes()


def test_the_order_of_summation_does_not_matter() -> None:
    """Sums are exact, so any association gives the same bytes: here plain Python integers."""
    values = (drawn(1000) * 10.0 ** drawn(1000, seed=3)).astype(np.float32).astype(np.float64)
    exponent = 36 - int(np.frexp(np.abs(values).max())[1])
    whole = [int(v) for v in np.rint(np.ldexp(values, exponent))]
    left, right = (sketch._signs(side).astype(int).tolist() for side in ("rows", "columns"))
    sign = sketch._signs("blocks/0")[0]
    for k in (0, 7, 31):
        exact = sum(left[i // 256][k] * right[i % 256][k] * v for i, v in enumerate(whole))
        assert sketch.of_array(values)[k] == np.ldexp(float(exact), -exponent) * sign[k]


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_it_does_not_depend_on_threads(threads: str) -> None:
    code = (
        "import numpy as np; from fpcheck.fingerprint import sketch;"
        "v = np.sin(np.arange(400_000) ** 1.5).astype(np.float32).reshape(400, 1000);"
        "print(sketch.of_array(v).tobytes().hex())"
    )
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, threads)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    values = np.sin(np.arange(400_000) ** 1.5).astype(np.float32).reshape(400, 1000)
    assert done.stdout.strip() == sketch.of_array(values).tobytes().hex()


SQUARE = drawn(6, 6)
KERNEL = drawn(3, 3, 4, 4)


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        (SQUARE, SQUARE[[1, 0, 2, 3, 4, 5]]),
        (SQUARE, SQUARE[:, ::-1]),
        (SQUARE, SQUARE.T),
        (SQUARE, -SQUARE),
        (SQUARE[0], np.roll(SQUARE[0], 1)),
        (np.array([1.0, -1.0]), np.array([-1.0, 1.0])),
        (KERNEL, KERNEL[::-1, ::-1]),
        (KERNEL, KERNEL.swapaxes(0, 1)),
        (KERNEL, KERNEL.swapaxes(2, 3)),
        (KERNEL, KERNEL[:, :, ::-1]),
        (np.eye(8), np.eye(8)[::-1]),
    ],
    ids=[
        "rows swapped",
        "columns reversed",
        "transposed",
        "negated",
        "rolled",
        "exchanged",
        "turned",
        "space transposed",
        "channels transposed",
        "channels reversed",
        "eye",
    ],
)
def test_it_sees_what_statistics_cannot(values: Array, changed: Array) -> None:
    true = np.linalg.norm(values - changed)
    assert seen(values, changed) == pytest.approx(true, rel=0.75)


def test_two_blocks_exchanged_are_seen() -> None:
    values = drawn(2, sketch.BLOCK)
    true = np.linalg.norm(values - values[::-1])
    assert seen(values, values[::-1]) == pytest.approx(true, rel=THREE_DEVIATIONS)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 70_000])
def test_what_is_not_finite_gives_nan(bad: float, place: int) -> None:
    values = drawn(80_000)
    values[place] = bad
    assert np.isnan(sketch.of_array(values)).all()
    assert np.isnan(seen(values, values))
    assert np.isnan(seen(drawn(80_000), values))


@pytest.mark.parametrize("values", [np.zeros(0), np.zeros((0, 3)), np.zeros(5), np.zeros(())])
def test_nothing_and_zeros_have_a_sketch_of_zeros(values: Array) -> None:
    assert sketch.of_array(values).tolist() == [0.0] * sketch.PROJECTIONS


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-200, 1e-30, 1.0, 1e30, 1e150])
def test_it_is_right_at_every_scale(scale: float) -> None:
    assert seen(np.array([scale, 0.0]), np.zeros(2)) == pytest.approx(scale)
