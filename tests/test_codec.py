"""Typed values come back from their bytes as they were."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from msgspec import ValidationError

from fpcheck.codec import Array, PathText, Value, canonical_json, pack, unpack


class Everything(Value, frozen=True, eq=False):
    """One attribute of each kind that crosses a process."""

    text: str
    path: PathText
    number: float
    data: bytes
    values: Array
    several: tuple[Array, ...]
    by_name: dict[str, int]


ARRAYS = hnp.arrays(
    st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(),
        hnp.unsigned_integer_dtypes(),
        hnp.floating_dtypes(sizes=(16, 32, 64)),
        hnp.complex_number_dtypes(sizes=(64, 128)),
        hnp.unicode_string_dtypes(max_len=3),
        hnp.byte_string_dtypes(max_len=3),
    ),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
VALUES = st.builds(
    Everything,
    st.text(),
    st.binary(max_size=9).map(os.fsdecode).map(PathText),
    st.floats(allow_nan=False),
    st.binary(),
    ARRAYS,
    st.lists(ARRAYS, max_size=2).map(tuple),
    st.dictionaries(st.text(max_size=3), st.integers(-(2**63), 2**64 - 1), max_size=3),
)


def same(first: Array, second: Array) -> bool:
    return (first.dtype, first.shape, first.tobytes()) == (
        second.dtype,
        second.shape,
        second.tobytes(),
    )


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Everything) -> None:
    found = unpack(pack(value), Everything)
    for name in ("text", "path", "number", "data", "by_name"):
        assert getattr(found, name) == getattr(value, name)
    assert type(found.path) is PathText
    assert same(found.values, value.values)
    assert len(found.several) == len(value.several)
    assert all(map(same, found.several, value.several))
    assert pack(found) == pack(value)


@given(VALUES, st.data())
def test_a_value_that_was_cut_off_is_refused(value: Everything, data: st.DataObject) -> None:
    whole = pack(value)
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises((ValidationError, ValueError)):
        unpack(whole[:length], Everything)


@given(hnp.arrays(np.float32, (3, 4)))
def test_memory_order_does_not_matter(values: Array) -> None:
    assert pack(np.asfortranarray(values)) == pack(values)
    assert pack(np.repeat(values, 2, axis=1)[:, ::2]) == pack(values)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
        lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
        max_leaves=6,
    ),
    st.randoms(use_true_random=False),
)
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: object, random: object) -> None:
    def turned_round(item: object) -> object:
        if isinstance(item, dict):
            return {key: turned_round(inside) for key, inside in reversed(item.items())}
        return [turned_round(inside) for inside in item] if isinstance(item, list) else item

    assert canonical_json(turned_round(value)) == canonical_json(value)
