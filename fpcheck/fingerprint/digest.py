"""Digests: the exact side of every comparison."""

import hashlib
from pathlib import Path
from typing import Any

import blake3
import numpy as np

from fpcheck.codec import Array, canonical_json

DIGEST_BYTES = 32
PREFIX = "b3:"


def of_bytes(data: bytes | memoryview) -> bytes:
    """BLAKE3 of some bytes, 32 bytes long."""
    return blake3.blake3(data, max_threads=blake3.blake3.AUTO).digest()


def of_value(value: Any) -> bytes:
    """BLAKE3 of a value's canonical JSON."""
    return of_bytes(canonical_json(value))


def text(digest: bytes) -> str:
    """A digest as users see it: `b3:` and 64 hexadecimal digits."""
    return PREFIX + digest.hex()


def of_array(values: Array, dtype: str) -> bytes:
    """BLAKE3 of a tensor: a header `dtype|shape|`, then its values, little-endian, in C order.

    Args:
        values: any shape; strings as an array of `str`, `bytes` or `object`.
        dtype: the framework's name of the type (`float32`, `bfloat16`, `float8_e4m3fn`, `string`).
            It is part of the digest, so equal bytes of another type are not equal.
    """
    hasher = blake3.blake3(max_threads=blake3.blake3.AUTO)
    hasher.update(f"{dtype}|{','.join(map(str, values.shape))}|".encode())
    if values.dtype.kind in "OSU":
        for item in values.ravel():
            data = item if isinstance(item, bytes) else str(item).encode()
            hasher.update(len(data).to_bytes(8, "little") + data)
        return hasher.digest()
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    contiguous = np.ascontiguousarray(little).reshape(-1)
    if contiguous.size:
        hasher.update(contiguous.view(np.uint8).data)
    return hasher.digest()


def of_file(path: Path) -> str:
    """BLAKE3 of a whole file, as provenance tells it."""
    hasher = blake3.blake3(max_threads=blake3.blake3.AUTO)
    hasher.update_mmap(path)
    return text(hasher.digest())


def published_sum(path: Path, kind: str) -> str:
    """The `md5` or `sha256` of a file: what Keras publishes of its weights. It protects nothing."""
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(kind, usedforsecurity=False)
        ).hexdigest()
