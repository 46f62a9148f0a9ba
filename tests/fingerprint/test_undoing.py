"""What befell a tensor, found by undoing it."""

import warnings
from collections.abc import Callable, Iterator, Sequence

import ml_dtypes
import numpy as np
import pytest
from diagnosing import moved, reader

from fpcheck.codec import Array
from fpcheck.fingerprint.undoing import undo
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.fingerprint.weights import measure


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def draw(*shape: int, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    drawn: Array = random.gamma(2.0, 0.2, shape) * random.choice([-1, 1], shape)
    return drawn.astype(np.float32)


def undone(*pairs: tuple[Array, Array], known: bool = True) -> tuple[Undone | None, ...]:
    """What befell tensors, given as (golden, candidate)."""
    wanted, held = [], {}
    for golden, candidate in pairs:
        kind = candidate.dtype.name
        own = measure(candidate, kind)
        held[own.digest] = candidate
        right = measure(golden, kind)
        wanted.append(
            Wanted(own, right if known else measure(golden, kind, frozenset({right.digest})), kind)
        )
    return undo(wanted, reader(held))


def one(golden: Array, candidate: Array) -> Undone:
    (found,) = undone((golden, candidate))
    assert found is not None
    return found


def shuffled(values: Array, axis: int, taken: Sequence[int] | Array) -> Array:
    return np.take(values, taken, axis)


@pytest.mark.parametrize(
    ("shape", "change", "exchanged", "backwards"),
    [
        ((6, 6), lambda v: v.T, (1, 0), ()),
        ((3, 5, 4, 8), lambda v: v[::-1], (0, 1, 2, 3), (0,)),
        ((3, 5, 4, 8), lambda v: v[:, ::-1], (0, 1, 2, 3), (1,)),
        ((3, 3, 4, 8), lambda v: v.swapaxes(0, 1)[::-1], (1, 0, 2, 3), (1,)),
        ((5, 4, 4), lambda v: v.swapaxes(1, 2), (0, 2, 1), ()),
        ((3, 3, 3, 2, 4), lambda v: v.transpose(2, 1, 0, 3, 4), (2, 1, 0, 3, 4), ()),
    ],
)
def test_exchanged_and_reversed_axes_are_undone(
    shape: tuple[int, ...],
    change: Callable[[Array], Array],
    exchanged: tuple[int, ...],
    backwards: tuple[int, ...],
) -> None:
    right = draw(*shape)
    found = one(right, np.ascontiguousarray(change(right)))
    assert (found.how, found.exchanged, found.reversed) == ("turned", exchanged, backwards)
    assert found.left == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.int8])
def test_every_numeric_type_is_undone(dtype: type) -> None:
    right: Array = (draw(6, 6) * 50).astype(dtype)
    assert one(right, np.ascontiguousarray(right.T)).how == "turned"


@pytest.mark.parametrize(
    ("shape", "axis", "taken", "name"),
    [
        (
            (8, 32),
            1,
            [*range(16), *range(24, 32), *range(16, 24)],
            "its 4 blocks in the order 0 1 3 2",
        ),
        ((8, 12), 1, [*range(4, 8), *range(4), *range(8, 12)], "its 3 blocks in the order 1 0 2"),
        ((8, 6), 1, [1, 2, 3, 4, 5, 0], "shifted up by one"),
        ((12, 5), 0, np.arange(12).reshape(4, 3).T.ravel(), "as 3 x 4 instead of 4 x 3"),
        ((3, 3, 5, 7), 3, [3, 1, 4, 0, 6, 5, 2], ""),
    ],
)
def test_slices_are_put_in_order(
    shape: tuple[int, ...], axis: int, taken: list[int], name: str
) -> None:
    right = draw(*shape)
    found = one(right, shuffled(right, axis, taken))
    assert (found.how, found.axes, found.left) == ("ordered", (axis,), 0)
    assert found.names == (name,)


def test_two_axes_are_put_in_order_together() -> None:
    right = draw(6, 9)
    both = shuffled(shuffled(right, 0, [2, 0, 1, 5, 4, 3]), 1, [8, 0, 1, 3, 2, 4, 6, 5, 7])
    found = one(right, both)
    assert (found.how, found.axes, found.names) == ("ordered", (0, 1), ("", ""))


def test_slices_of_equal_norm_are_put_in_order() -> None:
    right = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [2, 3, 5]], np.float32)
    found = one(right, shuffled(right, 0, [3, 2, 0, 1]))
    assert (found.how, found.left) == ("ordered", 0)


@pytest.mark.parametrize("axis", [0, 1])
def test_normalised_slices_are_tried_in_the_usual_orders(axis: int) -> None:
    right = draw(6, 8)
    right /= np.linalg.norm(right, axis=1 - axis, keepdims=True)
    found = one(right, np.flip(right, axis).copy())
    assert (found.how, found.axes, found.names) == ("ordered", (axis,), ("reversed",))


def test_a_vector_is_tried_in_the_orders_of_the_matrices_beside_it() -> None:
    kernel, bias = draw(5, 7), draw(7, seed=1)
    taken = [3, 1, 4, 0, 6, 5, 2]
    vector, matrix = (bias, bias[taken]), (kernel, shuffled(kernel, 1, taken))
    for pairs in ((vector, matrix), (matrix, vector)):
        assert [found and found.how for found in undone(*pairs)] == ["ordered", "ordered"]
    assert one(*vector).how == "reordered"


@pytest.mark.parametrize("shape", [(7,), (5, 7), (3, 3, 4, 5)])
def test_values_in_no_known_order_are_the_same_values_and_no_proof(shape: tuple[int, ...]) -> None:
    right = draw(*shape)
    mixed = np.random.default_rng(8).permutation(right.ravel()).reshape(shape)
    found = one(right, mixed)
    assert found.how == "reordered"
    assert found.left > 0.1


@pytest.mark.parametrize(("shape", "axis"), [((3, 3, 8, 12), 3), ((12, 30), 0), ((12, 30), 1)])
@pytest.mark.parametrize("span", [(0.5, 2.0), (100.0, 300.0)])
def test_one_factor_a_slice_is_divided_out(
    shape: tuple[int, ...], axis: int, span: tuple[float, float]
) -> None:
    right = draw(*shape)
    factors = np.random.default_rng(1).uniform(*span, shape[axis]).astype(np.float32)
    found = one(right, right * factors.reshape([-1 if a == axis else 1 for a in range(len(shape))]))
    assert (found.how, found.axes) == ("rescaled", (axis,))
    assert found.figure == pytest.approx(np.median(factors))
    assert found.left < 1e-6


@pytest.mark.parametrize("steps", [127, 7])
@pytest.mark.parametrize("axis", [None, 3])
def test_rounding_to_a_grid_is_recognised(steps: int, axis: int | None) -> None:
    right = draw(3, 3, 8, 12)
    others = tuple(a for a in range(4) if a != axis)
    step = np.abs(right).max(axis=others, keepdims=True) / steps
    found = one(right, (np.rint(right / step) * step).astype(np.float32))
    assert (found.how, found.axes) == ("quantized", () if axis is None else (axis,))
    assert found.figure == 2 * steps


def test_a_grid_far_from_the_golden_is_another_tensor_quantised() -> None:
    other = draw(3, 3, 8, 12, seed=1)
    step = np.abs(other).max() / 127
    rounded = (np.rint(other / step) * step).astype(np.float32)
    assert undone((draw(3, 3, 8, 12), rounded)) == (None,)


RIGHT = draw(6, 40)
ZERO_ROW = RIGHT * (np.arange(6) > 0)[:, None].astype(np.float32)
NEAR_MISSES: dict[str, tuple[Array, Array]] = {
    "noise": (RIGHT, moved(RIGHT, 1e-3)),
    "little-noise": (RIGHT, moved(RIGHT, 1e-6)),
    "another-draw": (RIGHT, draw(6, 40, seed=9)),
    "one-value": (RIGHT, RIGHT + (np.arange(240).reshape(6, 40) == 7).astype(np.float32)),
    "a-slice-zero": (RIGHT, ZERO_ROW),
    "a-slice-was-zero": (ZERO_ROW, moved(ZERO_ROW)),
    "nan-now": (RIGHT, np.where(RIGHT.max() == RIGHT, np.nan, RIGHT).astype(np.float32)),
    "nan-before": (np.where(RIGHT.max() == RIGHT, np.nan, RIGHT).astype(np.float32), RIGHT),
    "infinite-before": (np.full((6, 40), np.inf, np.float32), RIGHT),
    "zeros-before": (np.zeros(8, np.float32), np.arange(8, dtype=np.float32) / 7),
    "zeros-now": (RIGHT, np.zeros_like(RIGHT)),
    "constants": (np.full(9, 2.0, np.float32), np.full(9, 3.0, np.float32)),
    "scalar": (np.array(2, np.float32), np.array(3, np.float32)),
    "one": (np.full(1, 2.0, np.float32), np.full(1, 3.0, np.float32)),
    "integers": (np.arange(20, dtype=np.int32), np.arange(20, dtype=np.int32) // 3 * 3),
    "truth": (np.arange(9) % 2 == 0, np.arange(9) % 3 == 0),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_an_unknown_change_is_not_undone(name: str) -> None:
    assert undone(NEAR_MISSES[name]) == (None,)


def test_a_few_changed_rows_of_a_large_table_are_no_other_order() -> None:
    right = draw(1000, 100)
    tuned = right.copy()
    tuned[7] = moved(tuned[7], 1e-2)
    assert undone((right, tuned)) == (None,)


def test_a_large_table_in_another_order_is_recognised() -> None:
    right = draw(1000, 100)
    taken = np.random.default_rng(1).permutation(1000)
    assert one(right, right[taken]).how == "ordered"
    mixed = np.random.default_rng(1).permutation(right.ravel()).reshape(right.shape)
    assert one(right, mixed).how == "reordered"


def test_without_details_of_the_golden_nothing_can_be_undone() -> None:
    assert undone((RIGHT, np.ascontiguousarray(RIGHT[::-1])), known=False) == (None,)
