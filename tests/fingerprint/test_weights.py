"""Measuring one tensor of any type."""

import random
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from msgspec.structs import asdict

from fpcheck.codec import Array, pack
from fpcheck.fingerprint import blocks, digest, sketch, weights
from fpcheck.fingerprint.measurement import QUANTILES, Details, Statistics
from fpcheck.fingerprint.weights import QUANTILE_SAMPLE

NUMERIC = [
    np.float16,
    ml_dtypes.bfloat16,
    np.float32,
    np.float64,
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.bool_,
    ml_dtypes.float8_e4m3fn,
    ml_dtypes.float8_e5m2,
    ml_dtypes.int4,
]


def details(values: Array, dtype: str = "float32") -> Details:
    found = weights.measure(values, dtype).details
    assert found is not None
    return found


@pytest.mark.parametrize("kind", NUMERIC, ids=lambda kind: np.dtype(kind).name)
def test_every_numeric_type_is_measured(kind: type) -> None:
    values: Array = np.array([[0, 1, 1], [1, 0, 1]]).astype(kind)
    name = values.dtype.name
    measured = weights.measure(values, name)
    assert measured.digest == digest.of_array(values, name)
    assert measured.details is not None
    assert asdict(measured.details.statistics) == {
        "count": 6,
        "zeros": 2,
        "nans": 0,
        "infinities": 0,
        "minimum": 0.0,
        "maximum": 1.0,
        "mean": pytest.approx(4 / 6),
        "std": pytest.approx(np.sqrt(2) / 3),
        "l1": 4.0,
        "l2": 2.0,
    }
    assert measured.details.sketch.tobytes() == sketch.of_array(values).tobytes()
    rows, columns = measured.details.profiles
    np.testing.assert_allclose(rows, [np.sqrt(2)] * 2, rtol=1e-6)
    np.testing.assert_allclose(columns, [1, 1, np.sqrt(2)], rtol=1e-6)
    assert measured.details.quantiles.tolist() == [0.0] * 5 + [1.0] * 6


@pytest.mark.parametrize("shape", [(1000,), (70_000,), (3, 3, 64, 128), (2, 300_000)], ids=str)
def test_statistics_agree_with_numpy(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)
    values.reshape(-1)[::7] = 0
    found, wide = details(values).statistics, values.astype(np.float64)
    assert (found.count, found.zeros) == (wide.size, int((wide == 0).sum()))
    assert (found.minimum, found.maximum) == (wide.min(), wide.max())
    figures = (found.mean, found.std, found.l1, found.l2)
    expected = (wide.mean(), wide.std(), np.abs(wide).sum(), np.linalg.norm(wide))
    assert figures == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("mean", "precision"), [(0.0, 1e-12), (0.7, 1e-12), (1.4, 1e-12), (1e3, 1e-12), (1e8, 1e-9)]
)
def test_the_deviation_is_right_however_far_the_mean_is_from_zero(
    mean: float, precision: float
) -> None:
    values = mean + np.random.default_rng(0).normal(size=200_000)
    found = details(values, "float64").statistics.std
    assert found == pytest.approx(np.std(values), rel=precision)


@pytest.mark.parametrize("value", [0.1, -1e30, 1e100])
def test_equal_values_do_not_deviate(value: float) -> None:
    found = details(np.full(100_000, value), "float64").statistics.std
    assert found <= 1e-14 * abs(value)


def test_nan_and_infinity_are_counted_and_excluded_from_statistics() -> None:
    values = np.array([np.nan, 1, -np.inf, 3, np.inf, np.nan, 0], np.float32)
    found = details(values)
    assert asdict(found.statistics) == {
        "count": 7,
        "zeros": 1,
        "nans": 2,
        "infinities": 2,
        "minimum": 0.0,
        "maximum": 3.0,
        "mean": pytest.approx(4 / 3),
        "std": pytest.approx(np.std([0, 1, 3])),
        "l1": 4.0,
        "l2": pytest.approx(np.sqrt(10)),
    }
    assert np.isnan(found.sketch).all()
    assert found.quantiles.tolist() == [0.0] * 4 + [0.0, 1.0] + [3.0] * 5


def test_the_statistics_of_a_tensor_of_nan_are_zero() -> None:
    found = details(np.full((2, 2), np.nan, np.float32))
    assert found.statistics == Statistics(4, 0, 4, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert found.quantiles.tolist() == [0.0] * len(QUANTILES)


@pytest.mark.parametrize(
    ("shape", "profiles"), [((0,), []), ((0, 3), [0, 3]), ((3, 0), [3, 0]), ((2, 0, 1), [2, 0, 1])]
)
def test_an_empty_tensor_is_measured(shape: tuple[int, ...], profiles: list[int]) -> None:
    found = details(np.zeros(shape, np.float32))
    assert found.statistics == Statistics(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert [profile.tolist() for profile in found.profiles] == [[0.0] * size for size in profiles]
    assert found.counterfactuals.keys() <= {"transposed"}


def test_a_scalar_is_measured() -> None:
    found = details(np.array(-2.5, np.float32))
    assert found.statistics == Statistics(1, 0, 0, 0, -2.5, -2.5, -2.5, 0.0, 2.5, 2.5)
    assert found.quantiles.tolist() == [-2.5] * len(QUANTILES)
    assert (found.profiles, found.counterfactuals) == ((), {})


@pytest.mark.parametrize("words", [["cat", "dog"], ["1"], []])
def test_strings_have_a_digest_and_no_figures(words: list[str]) -> None:
    measured = weights.measure(np.array(words, dtype="U3"), "string")
    assert measured.details is None
    assert measured.digest == digest.of_array(np.array(words, object), "string")


def test_a_tensor_that_the_golden_contains_gets_no_details() -> None:
    values = np.ones((2, 2), np.float32)
    own = digest.of_array(values, "float32")
    assert weights.measure(values, "float32", frozenset({own})).details is None
    assert weights.measure(values, "float32", frozenset({bytes(32)})).details is not None


def test_quantiles_of_a_small_tensor_are_exact_values_of_it() -> None:
    values = np.random.default_rng(0).permutation(1001).astype(np.float32).reshape(7, 143)
    assert details(values).quantiles.tolist() == [
        0,
        1,
        10,
        50,
        250,
        500,
        750,
        950,
        990,
        999,
        1000,
    ]


def test_quantiles_of_a_large_tensor_are_those_of_a_fixed_stride() -> None:
    values = np.random.default_rng(0).normal(size=3 * QUANTILE_SAMPLE - 5).astype(np.float32)
    sample = np.sort(values[::3].astype(np.float64))
    wanted = sample[np.rint(np.array(QUANTILES) * (sample.size - 1)).astype(int)]
    assert details(values).quantiles.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("shape", [(4, 9), (3, 3, 8, 16), (700, 2000), (3, 1_100_000)], ids=str)
def test_profiles_are_the_norms_of_slices(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = details(values).profiles
    assert [profile.dtype for profile in found] == [np.dtype(np.float32)] * len(shape)
    for axis, profile in enumerate(found):
        others = tuple(other for other in range(len(shape)) if other != axis)
        wanted = np.sqrt(np.square(values.astype(np.float64)).sum(axis=others))
        np.testing.assert_allclose(profile, wanted, rtol=1e-6)


def test_memory_order_changes_nothing() -> None:
    values = np.random.default_rng(0).normal(size=(30, 40, 80)).astype(np.float32)
    first, second = details(values), details(np.asfortranarray(values))
    assert first.statistics == second.statistics
    assert first.counterfactuals == second.counterfactuals
    assert first.quantiles.tobytes() == second.quantiles.tobytes()
    assert first.sketch.tobytes() == second.sketch.tobytes()
    assert [p.tobytes() for p in first.profiles] == [p.tobytes() for p in second.profiles]


def test_measuring_does_not_change_the_tensor() -> None:
    values = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)
    before = values.tobytes()
    weights.measure(values, "float32")
    assert values.tobytes() == before


BLOCK, GROUP = sketch.BLOCK, 4 * sketch.BLOCK
BORDERS = [
    (),
    (0,),
    (0, 3),
    (1,),
    (BLOCK - 1,),
    (BLOCK,),
    (BLOCK + 1,),
    (GROUP,),
    (GROUP + 1,),
    (2 * GROUP - 1,),
    (1, 2 * BLOCK),
    (2 * BLOCK, 1),
    (1, GROUP + 5),
    (GROUP + 5, 1),
    (513, 1027),
    (3, 3, 100, 300),
    (3, 400_000),
    (2, 1, 1_100_000),
]
KINDS = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.int8, np.bool_]


def drawn(shape: tuple[int, ...], kind: type = np.float32) -> Array:
    return (np.random.default_rng(0).normal(size=shape) * 3).astype(kind)


def measured(values: Array, threads: int | None = None) -> bytes:
    return pack(weights.measure(values, values.dtype.name, threads=threads))


class Shuffled:
    """Makes the calls that it starts in a random order, and none before it must."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.waiting: list[tuple[list[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def __call__(self, work: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        done: list[Any] = []
        self.waiting.append((done, work, args))

        def result() -> Any:
            while not done:
                into, chosen, its = self.waiting.pop(self.random.randrange(len(self.waiting)))
                into.append(chosen(*its))
            return done[0]

        return result


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: np.dtype(kind).name)
@pytest.mark.parametrize("shape", BORDERS, ids=str)
def test_it_does_not_depend_on_threads(shape: tuple[int, ...], kind: type) -> None:
    values = drawn(shape, kind)
    alone = measured(values, 1)
    assert [measured(values, threads) for threads in (2, 7, None)] == [alone] * 3


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(9 * GROUP + 7,), (1025, 2049), (3, 3, 300, 500)], ids=str)
def test_it_does_not_depend_on_what_is_done_first(
    shape: tuple[int, ...], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def shuffled(_: int) -> Iterator[Shuffled]:
        yield Shuffled(seed)

    alone = measured(values := drawn(shape), 1)
    monkeypatch.setattr(blocks, "workers", shuffled)
    assert measured(values, 4) == alone


@pytest.mark.parametrize("bad", [np.nan, -np.inf, 0.0, -0.0, 1e-45, 7e4, 3e38])
@pytest.mark.parametrize("place", [0, BLOCK, 2 * GROUP + 3, -1])
def test_unusual_values_do_not_depend_on_threads(place: int, bad: float) -> None:
    values = drawn((3 * GROUP + 70,))
    values[place] = bad
    assert measured(values, 2) == measured(values, 7) == measured(values, 1)
    found = details(values).statistics
    assert found.non_finite == (not np.isfinite(bad))
    assert found.zeros == (bad == 0)
    usual = values[np.isfinite(values)].astype(np.float64)
    assert (found.minimum, found.maximum) == (usual.min(), usual.max())
    figures = (found.mean, found.std, found.l1, found.l2)
    expected = (usual.mean(), usual.std(), np.abs(usual).sum(), np.linalg.norm(usual))
    assert figures == pytest.approx(expected, rel=1e-9)


def test_blocks_that_are_not_finite_do_not_affect_other_blocks() -> None:
    values = drawn((GROUP,))
    values[BLOCK : 2 * BLOCK] = np.nan
    values[3 * BLOCK] = np.inf
    found = details(values).statistics
    assert (found.nans, found.infinities) == (BLOCK, 1)
    usual = values[np.isfinite(values)].astype(np.float64)
    assert found.mean == pytest.approx(usual.mean())
    assert found.std == pytest.approx(usual.std())


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((700_001,), "9b628e227c72f81df15f148e92ca2f0110912a4f967aa81146f39b13c3732eaf"),
        ((3, 3, 150, 200), "ca9d2a0852fbbbdf64fdc7ca24bdac2985c51a0550a5d94e26af27cd498da352"),
        ((1000, 600), "b8c3e5148a651a72d83a4508c7c1f4536b781269a6e8e35330ba0670093f554c"),
    ],
)
def test_a_measurement_is_these_bytes_for_ever(shape: tuple[int, ...], wanted: str) -> None:
    numbers = np.arange(np.prod(shape), dtype=np.int64) * 7919 % 10_007 - 5_003
    values = (numbers.astype(np.float32) / 2048).reshape(shape)
    assert digest.of_bytes(measured(values)).hex() == wanted


def test_zero_has_one_sign() -> None:
    for values in ([-0.0, 0.0], [0.0, -0.0], [-0.0, -0.0]):
        found = details(np.array(values, np.float32))
        figures = [found.statistics.minimum, found.statistics.maximum, *found.quantiles]
        assert not np.signbit(figures).any()


@pytest.mark.parametrize("shape", [(8192, 4096), (3, 3, 1000, 3500), (2, 4100, 4000)], ids=str)
def test_a_mapped_file_is_measured_in_little_memory(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.memmap(tmp_path / "values", np.float32, "w+", shape=shape)
    tracemalloc.start()
    weights.measure(values, "float32", threads=2)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values.nbytes > 120e6
    assert most < 60e6


def test_several_threads_can_measure_at_once() -> None:
    values = drawn((700, 800))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(measured, values, 2).result(60) == measured(values)
    with ThreadPoolExecutor(4) as pool:
        assert {*pool.map(measured, [values] * 8)} == {measured(values)}
