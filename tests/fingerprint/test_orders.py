"""Orders of slices: those of usual mistakes by name, and any other from profiles."""

import numpy as np
import pytest

from fpcheck.codec import Array
from fpcheck.fingerprint.orders import MOST_TIES, matching, same, usual

NORMS = np.random.default_rng(2).gamma(3.0, 1.0, 24).astype(np.float32)


def named(size: int) -> dict[str, list[int]]:
    return {order.name: order.indices.tolist() for order in usual(size)}


@pytest.mark.parametrize(
    ("size", "name", "taken"),
    [
        (5, "reversed", [4, 3, 2, 1, 0]),
        (5, "shifted down by one", [4, 0, 1, 2, 3]),
        (5, "shifted up by one", [1, 2, 3, 4, 0]),
        (8, "its 4 blocks in the order 0 1 3 2", [0, 1, 2, 3, 6, 7, 4, 5]),
        (6, "its 3 blocks in the order 1 0 2", [2, 3, 0, 1, 4, 5]),
        (10, "its 2 blocks in the order 1 0", [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]),
        (6, "as 3 x 2 instead of 2 x 3", [0, 3, 1, 4, 2, 5]),
        (12, "in the order of the numbers as text", [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]),
        (
            12,
            "in numeric order instead of that of the text",
            [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3],
        ),
    ],
)
def test_orders_of_common_mistakes_have_names(size: int, name: str, taken: list[int]) -> None:
    assert named(size)[name] == taken


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 7, 12, 30, 64])
def test_each_order_is_a_permutation_and_is_listed_once(size: int) -> None:
    orders = [tuple(order.indices.tolist()) for order in usual(size)]
    assert len(set(orders)) == len(orders)
    assert tuple(range(size)) not in orders
    assert all(sorted(order) == list(range(size)) for order in orders)


def test_ten_classes_have_no_order_as_text() -> None:
    assert not any("text" in name for name in named(10))


def test_an_axis_with_very_many_slices_has_few_orders() -> None:
    names = [order.name for order in usual(2**18)]
    assert names[:3] == ["reversed", "shifted down by one", "shifted up by one"]
    assert len(names) == 5


@pytest.mark.parametrize("size", [2, 12, 24])
def test_the_inverse_puts_slices_back(size: int) -> None:
    right = NORMS[:size]
    for order in usual(size):
        assert np.array_equal(right[order.indices][np.argsort(order.indices)], right)


@pytest.mark.parametrize("seed", range(5))
def test_profiles_show_any_order(seed: int) -> None:
    taken = np.random.default_rng(seed).permutation(24)
    orders = [order.indices.tolist() for order in matching(NORMS, NORMS[taken])]
    assert orders == [taken.tolist()]


def test_a_named_order_comes_first() -> None:
    first = next(matching(NORMS, NORMS[::-1]))
    assert first.name == "reversed"


@pytest.mark.parametrize(
    "other", [NORMS * 1.001, NORMS[:12], np.append(NORMS[:-1], 9).astype(np.float32)]
)
def test_other_norms_match_in_no_order(other: Array) -> None:
    assert list(matching(NORMS, other)) == []


def test_slices_of_equal_norm_are_tried_in_every_order() -> None:
    right = np.array([1.0, 2.0, 2.0, 3.0], np.float32)
    orders = {tuple(order.indices.tolist()) for order in matching(right, right[[3, 1, 2, 0]])}
    assert {(3, 1, 2, 0), (3, 2, 1, 0)} <= orders


def test_too_many_ties_are_not_resolved() -> None:
    right = np.ones(24, np.float32)
    unnamed = [order for order in matching(right, right) if not order.name]
    assert len(unnamed) == 1 <= MOST_TIES


@pytest.mark.parametrize(
    ("factor", "alike"), [(1.0, True), (1 + 1e-7, True), (1 + 1e-5, False), (np.nan, False)]
)
def test_norms_are_the_same_but_for_rounding(factor: float, alike: bool) -> None:
    assert same(NORMS, (NORMS * np.float32(factor))) is alike
