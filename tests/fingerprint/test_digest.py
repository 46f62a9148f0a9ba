"""Digests: equal exactly where type, shape and every bit are."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from fpcheck.codec import Array
from fpcheck.fingerprint import digest

BASE = np.array([[0.0, 1.0, -2.5], [3.0, 4.0, 5.0]], np.float32)


def of(values: object, dtype: str = "float32") -> bytes:
    return digest.of_array(np.asarray(values), dtype)


def test_the_digest_of_a_tensor_is_blake3_of_header_and_values() -> None:
    assert of(BASE) == digest.of_bytes(b"float32|2,3|" + BASE.astype("<f4").tobytes())
    assert digest.text(of(BASE)) == (
        "b3:072f7223aac02b44f8a6268ace05dd3cac770bedd8efd4f3292fe77e5fcf1d17"
    )


def test_the_digest_of_a_value_does_not_depend_on_the_order_of_keys() -> None:
    assert digest.of_value({"a": 1, "b": [2]}) == digest.of_value({"b": [2], "a": 1})
    assert digest.of_value({"a": 1}) != digest.of_value({"a": 2})


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("another type's name", of(BASE, "float16")),
        ("another shape", of(BASE.reshape(3, 2))),
        ("flattened", of(BASE.ravel())),
        ("one more axis", of(BASE[None])),
        ("transposed", of(BASE.T)),
        ("negative zero", of(np.where(BASE == 0, -0.0, BASE).astype(np.float32))),
        ("one unit in the last place", of(np.nextafter(BASE, np.float32(9)))),
        ("other bytes of the same values", of(BASE.astype(np.float64))),
    ],
)
def test_the_digest_depends_on(name: str, other: bytes) -> None:
    assert other != of(BASE), name


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i2", "i4", "i8", "u4"])
def test_byte_order_does_not_matter(kind: str) -> None:
    values = np.arange(-3, 9).astype(kind)
    assert of(values.astype(f">{kind}")) == of(values.astype(f"<{kind}"))


@pytest.mark.parametrize("threads", [1, 2, 7, None])
def test_threads_and_pieces_do_not_matter(threads: int | None) -> None:
    values = np.random.default_rng(0).normal(size=(1500, 3001))
    wanted = digest.of_bytes(b"float64|1500,3001|" + values.tobytes())
    assert digest.of_array(values, "float64", threads) == wanted
    assert digest.of_array(np.asfortranarray(values), "float64", threads) == wanted
    assert digest.of_array(values.astype(">f8"), "float64", threads) == wanted


@pytest.mark.parametrize("turn", [np.asfortranarray, lambda values: values[::-1, ::-1]])
def test_values_that_are_not_contiguous_are_never_copied_as_a_whole(
    turn: Callable[..., Any],
) -> None:
    values = turn(np.zeros((4096, 4096), np.float32))
    tracemalloc.start()
    digest.of_array(values, "float32")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < values.nbytes / 4


def test_the_threads_that_all_hashers_share_are_never_used() -> None:
    """They do not survive os.fork: hashing would wait for ever in the child."""
    source = Path(digest.__file__).read_text(encoding="utf-8")
    assert "blake3.AUTO)" not in source


def test_memory_order_does_not_matter() -> None:
    cube = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert of(np.asfortranarray(cube)) == of(cube) == of(np.repeat(cube, 2, axis=2)[:, :, ::2])


@pytest.mark.parametrize(
    "kind",
    [
        ml_dtypes.bfloat16,
        ml_dtypes.float8_e4m3fn,
        ml_dtypes.float8_e5m2,
        np.float16,
        np.float64,
        np.int8,
        np.uint64,
        np.bool_,
    ],
)
def test_every_type_is_hashed_by_its_own_bytes(kind: type) -> None:
    values: Array = np.array([0, 1, 1, 0, 1]).astype(kind)
    name = values.dtype.name
    assert of(values, name) == digest.of_bytes(f"{name}|5|".encode() + values.tobytes())
    assert of(values[::-1], name) == of(values[::-1].copy(), name)
    assert of(values[:-1], name) != of(values, name)


def test_empty_and_scalar_tensors_have_different_digests() -> None:
    shapes = [(), (1,), (0,), (0, 3), (3, 0), (1, 1)]
    found = [of(np.zeros(shape, np.float32)) for shape in shapes]
    assert len(set(found)) == len(shapes)
    assert found[0] == digest.of_bytes(b"float32||" + bytes(4))
    assert found[2] == digest.of_bytes(b"float32|0|")


def test_strings_are_hashed_alike_from_every_type_of_array() -> None:
    words = ["", "cat", "Käse", "鱼"]
    found = {
        of(np.array(words, object), "string"),
        of(np.array(words), "string"),
        of(np.array([w.encode() for w in words], object), "string"),
        of(np.array([w.encode() for w in words]), "string"),
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    "other", [["ab", "c", ""], ["a", "b", "c"], ["a", "bc", " "], ["bc", "a", ""], ["a", "bc"]]
)
def test_the_digest_of_strings_depends_on_their_borders_and_order(other: list[str]) -> None:
    assert of(np.array(other, object), "string") != of(np.array(["a", "bc", ""], object), "string")
