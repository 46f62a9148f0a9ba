"""What is true of measuring for any tensor and configuration: examples are drawn by hypothesis."""

import json
from itertools import permutations
from typing import Any

import numpy as np
from diagnosing import reader
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fpcheck.codec import Array, canonical_json, pack
from fpcheck.fingerprint import blocks, digest, sketch
from fpcheck.fingerprint.canonical import plain, split_config
from fpcheck.fingerprint.undoing import undo
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.fingerprint.weights import measure

SEEDS = st.integers(0, 2**32 - 1)
FLOATS = st.sampled_from([np.float16, np.float32, np.float64])
SHAPES = hnp.array_shapes(min_dims=1, max_dims=5, min_side=1, max_side=9)


def drawn(seed: int, *shape: int) -> Array:
    """Values as training leaves them: no constants, no symmetry."""
    random = np.random.default_rng(seed)
    values: Array = random.gamma(2.0, 0.2, shape) * random.choice([-1, 1], shape)
    return values.astype(np.float32)


@st.composite
def large(draw: st.DrawFn) -> Array:
    """A tensor of several blocks of a sketch, in one of several shapes and memory orders."""
    shape = draw(st.sampled_from([(70_000,), (300, 500), (3, 3, 130, 140), (2, 262_145)]))
    values: Array = np.random.default_rng(draw(SEEDS)).normal(size=shape).astype(draw(FLOATS))
    ways = [values, np.asfortranarray(values), values[::-1], values.swapaxes(0, -1)]
    chosen: Array = draw(st.sampled_from(range(4)).map(ways.__getitem__))
    return chosen


# Sketches


@given(SEEDS, st.sampled_from([(3,), (65_537,), (300, 500)]), *[st.integers(-99, 99)] * 2)
def test_a_sketch_of_whole_numbers_is_linear(
    seed: int, shape: tuple[int, ...], once: int, twice: int
) -> None:
    first, second = np.random.default_rng(seed).integers(-(2**20), 2**20, (2, *shape)) * 1.0
    both = sketch.of_array(once * first + twice * second)
    apart = once * sketch.of_array(first) + twice * sketch.of_array(second)
    assert both.tolist() == apart.tolist()


@given(SEEDS, st.integers(-200, 200))
def test_a_power_of_two_scales_a_sketch_exactly(seed: int, exponent: int) -> None:
    values = np.random.default_rng(seed).normal(size=5000)
    scaled = sketch.of_array(np.ldexp(values, exponent))
    assert scaled.tolist() == np.ldexp(sketch.of_array(values), exponent).tolist()


# Blocks


@given(large(), st.integers(1, 6))
def test_a_measurement_is_the_same_for_any_memory_order_and_number_of_threads(
    values: Array, threads: int
) -> None:
    dtype = values.dtype.name
    wanted = pack(measure(np.ascontiguousarray(values), dtype, threads=1))
    assert pack(measure(values, dtype, threads=threads)) == wanted


@given(large(), st.integers(5_000, 300_000))
def test_pieces_of_any_size_are_the_values_in_their_order(values: Array, limit: int) -> None:
    found = [piece.copy() for piece in blocks.pieces(values, limit)]
    assert max(piece.size for piece in found) <= limit
    np.testing.assert_array_equal(np.concatenate(found), values.ravel())


@given(hnp.arrays(FLOATS, SHAPES), st.lists(st.integers(0, 9**5), max_size=4))
def test_a_digest_does_not_depend_on_where_values_are_cut(values: Array, cuts: list[int]) -> None:
    places = sorted(min(cut, values.size) for cut in cuts)
    pieces = np.split(values.ravel(), places)
    found = digest.of_pieces(pieces, values.shape, values.dtype.name)
    assert found == digest.of_array(values, values.dtype.name)


# Configurations

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.just(...),
    st.builds(slice, st.none() | st.integers(-9, 9)),
    hnp.arrays(FLOATS, hnp.array_shapes(max_dims=2, max_side=9)),
    st.frozensets(st.integers(0, 9), max_size=3),
)
CONFIGS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        LEAVES,
        lambda inside: (
            st.lists(inside, max_size=3)
            | st.tuples(inside, inside)
            | st.dictionaries(st.text(max_size=5), inside, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


def turned_round(value: Any) -> Any:
    """The same value with the keys of each dictionary in the other order, and tuples as lists."""
    if isinstance(value, dict):
        return {key: turned_round(item) for key, item in reversed(value.items())}
    return [turned_round(item) for item in value] if isinstance(value, list | tuple) else value


@given(CONFIGS, st.booleans())
def test_a_plain_configuration_is_json_and_stays_as_it_is(
    config: dict[str, Any], whole: bool
) -> None:
    once = plain(config, whole)
    assert plain(once, whole) == once
    assert json.loads(json.dumps(once, allow_nan=False)) == once


@given(CONFIGS, st.booleans())
def test_the_order_of_keys_and_the_kind_of_lists_do_not_matter(
    config: dict[str, Any], whole: bool
) -> None:
    wanted = canonical_json(plain(config, whole))
    assert canonical_json(plain(turned_round(config), whole)) == wanted


@given(CONFIGS, st.sampled_from(["Dense", "LSTM", "ops.Sum"]))
@example({"seed": 1, "units": 2, "kernel_initializer": "zeros", "name": "a", "rate": None}, "Dense")
def test_each_attribute_of_a_layer_is_decisive_or_for_training_never_both(
    config: dict[str, Any], class_name: str
) -> None:
    decisive, training = split_config(config, class_name, custom=False)
    assert not decisive.keys() & training.keys()
    assert {**decisive, **training}.keys() <= config.keys()
    assert split_config({**config, "name": "b"}, class_name, custom=False) == (decisive, training)


# Undoing


def one(golden: Array, candidate: Array) -> Undone | None:
    candidate = np.ascontiguousarray(candidate)
    kind = candidate.dtype.name
    own, right = measure(candidate, kind), measure(np.ascontiguousarray(golden), kind)
    (found,) = undo([Wanted(own, right, kind)], reader({own.digest: candidate}))
    return found


@st.composite
def turned(draw: st.DrawFn) -> tuple[Array, Array]:
    """A kernel, and the same with its axes exchanged and its space axes reversed."""
    side = draw(st.integers(2, 4))
    right = drawn(draw(SEEDS), *[side] * draw(st.integers(2, 5)))
    space = range(right.ndim - 2)
    exchanged = draw(st.sampled_from(list(permutations(range(right.ndim)))))
    backwards = draw(st.lists(st.sampled_from(space), unique=True)) if space else []
    return right, np.flip(right, tuple(backwards)).transpose(exchanged)


@given(turned())
def test_any_exchange_and_reversal_of_axes_is_undone(pair: tuple[Array, Array]) -> None:
    right, candidate = pair
    assume(not np.array_equal(right, candidate))
    found = one(right, candidate)
    assert found is not None
    assert (found.how, found.left) == ("turned", 0)


@st.composite
def ordered(draw: st.DrawFn) -> tuple[Array, Array]:
    """A tensor, and the same with the slices along one or two axes in another order."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=4, min_side=2, max_side=9))
    right = candidate = drawn(draw(SEEDS), *shape)
    for axis in draw(st.lists(st.sampled_from(range(right.ndim)), min_size=1, max_size=2)):
        candidate = np.take(candidate, draw(st.permutations(range(shape[axis]))), axis)
    return right, candidate


@given(ordered())
def test_any_order_of_slices_is_undone(pair: tuple[Array, Array]) -> None:
    right, candidate = pair
    assume(not np.array_equal(right, candidate))
    found = one(right, candidate)
    assert found is not None
    # Reversed space axes have a name of their own.
    assert found.how in ("ordered", "turned")
    assert found.left == 0


@given(SEEDS, SEEDS, hnp.array_shapes(min_dims=1, max_dims=4, min_side=3, max_side=6))
def test_the_same_values_in_any_order_are_recognised(
    seed: int, mixing: int, shape: tuple[int, ...]
) -> None:
    right = drawn(seed, *shape)
    candidate = np.random.default_rng(mixing).permutation(right.ravel()).reshape(shape)
    assume(not np.array_equal(right, candidate))
    found = one(right, candidate)
    assert found is not None
    assert found.how in ("reordered", "ordered", "turned")
    assert (found.left == 0) == (found.how != "reordered")


@given(SEEDS, st.integers(0, 3), st.floats(1e-3, 1e3))
def test_a_factor_for_each_slice_is_undone(seed: int, axis: int, scale: float) -> None:
    right = drawn(seed, 6, 7, 8, 9)
    size = right.shape[axis]
    factors = scale * np.random.default_rng(seed).permutation(np.geomspace(0.2, 5, size))
    factors = factors.astype(np.float32)
    found = one(right, right * factors.reshape([-1 if a == axis else 1 for a in range(4)]))
    assert found is not None
    assert (found.how, found.axes) == ("rescaled", (axis,))
    assert found.left < 1e-5


@given(SEEDS, st.sampled_from([7, 8, 127, 128]), st.sampled_from([None, 2, 3]))
def test_rounding_to_a_grid_is_recognised(seed: int, steps: int, axis: int | None) -> None:
    right = drawn(seed, 3, 3, 8, 12)
    others = tuple(a for a in range(4) if a != axis)
    step = np.abs(right).max(axis=others, keepdims=True) / steps
    found = one(right, (np.rint(right / step) * step).astype(np.float32))
    assert found is not None
    assert (found.how, found.axes) == ("quantized", () if axis is None else (axis,))
    assert found.figure == 2 * steps
