"""Digests after the usual mistakes: each is what the mistake gives, and none where it is none."""

import ml_dtypes
import numpy as np
import pytest

from fpcheck.codec import Array
from fpcheck.fingerprint import blocks, counterfactual, digest
from fpcheck.fingerprint.counterfactual import COUNTERFACTUALS, start


def drawn(*shape: int) -> Array:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def foretold(values: Array, dtype: str = "float32") -> dict[str, bytes]:
    return start(blocks.at_once, values, dtype, digest.of_array(values, dtype))()


KERNEL, IMAGE_KERNEL, MATRIX = drawn(3, 3, 8, 8), drawn(5, 5, 3, 8), drawn(6, 4)
ROUNDING = ["float16", "bfloat16"]


@pytest.mark.parametrize(
    ("name", "values", "mistake"),
    [
        ("float16", KERNEL, KERNEL.astype(np.float16).astype(np.float32)),
        ("float16", MATRIX[0], MATRIX[0].astype(np.float16).astype(np.float32)),
        ("bfloat16", KERNEL, KERNEL.astype(ml_dtypes.bfloat16).astype(np.float32)),
        ("flipped", KERNEL, KERNEL[::-1, ::-1]),
        ("flipped", drawn(4, 2, 2), drawn(4, 2, 2)[::-1]),
        ("flipped", drawn(2, 3, 4, 2, 2), drawn(2, 3, 4, 2, 2)[::-1, ::-1, ::-1]),
        ("transposed", MATRIX, MATRIX.T),
        ("transposed", KERNEL, KERNEL.transpose(0, 1, 3, 2)),
        ("space-transposed", KERNEL, KERNEL.transpose(1, 0, 2, 3)),
        ("input-channels-reversed", IMAGE_KERNEL, IMAGE_KERNEL[:, :, ::-1]),
        ("input-channels-reversed", drawn(3, 3, 4, 2), drawn(3, 3, 4, 2)[:, :, ::-1]),
    ],
)
def test_the_digest_after_the_mistake_is_recorded(name: str, values: Array, mistake: Array) -> None:
    assert foretold(values)[name] == digest.of_array(mistake, "float32")
    assert mistake.tobytes() != values.tobytes() or mistake.shape != values.shape


@pytest.mark.parametrize("name", ["flipped", "space-transposed", "input-channels-reversed"])
def test_the_digest_after_undoing_the_mistake_is_recorded_too(name: str) -> None:
    """Each of these is its own inverse, so a wrong golden names a right candidate as well."""
    wrong = COUNTERFACTUALS[name].move(IMAGE_KERNEL)
    assert foretold(wrong)[name] == digest.of_array(IMAGE_KERNEL, "float32")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (drawn(), ROUNDING),
        (drawn(7), ROUNDING),
        (MATRIX, [*ROUNDING, "transposed"]),
        (drawn(3, 5, 6), [*ROUNDING, "flipped", "transposed"]),
        (KERNEL, [*ROUNDING, "flipped", "transposed", "space-transposed"]),
        (IMAGE_KERNEL, list(COUNTERFACTUALS)),
        (drawn(1, 1, 8, 8), [*ROUNDING, "transposed"]),
        (drawn(2, 2, 2, 2, 2, 2), [*ROUNDING, "transposed"]),
        (np.ones((3, 3, 3, 3), np.float32), []),
        (np.zeros(4, np.float32), []),
        (np.arange(4), []),
        (MATRIX.astype(np.float16), ["transposed"]),
        (MATRIX.astype(ml_dtypes.bfloat16), ["transposed"]),
        (MATRIX > 0, ["transposed"]),
        (np.full(2, 1e30, np.float32), ROUNDING),
    ],
)
def test_only_mistakes_that_apply_and_change_the_tensor_are_recorded(
    values: Array, names: list[str]
) -> None:
    assert list(foretold(values, values.dtype.name)) == names


@pytest.mark.parametrize("shape", [(600, 700), (3, 3, 200, 300), (5, 5, 3, 9000), (2, 1, 9, 7)])
def test_large_tensors_have_the_same_digests_as_small_ones(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = drawn(*shape)
    whole = foretold(values)
    monkeypatch.setattr(blocks.pieces, "__defaults__", (10_000,))
    monkeypatch.setattr(counterfactual, "_PIECE", 4096)
    assert foretold(values) == foretold(np.asfortranarray(values)) == whole


def test_a_kernel_of_one_point_has_no_spatial_mistakes() -> None:
    point = drawn(1, 1, 8, 8)
    assert not COUNTERFACTUALS["flipped"].applies(point)
    assert not COUNTERFACTUALS["space-transposed"].applies(point)


def test_names_and_their_order_belong_to_the_format() -> None:
    assert list(COUNTERFACTUALS) == [
        "float16",
        "bfloat16",
        "flipped",
        "transposed",
        "space-transposed",
        "input-channels-reversed",
    ]
