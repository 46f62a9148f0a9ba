"""Digests: the exact side of every comparison."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import blake3

from fpcheck.codec import Array, canonical_json
from fpcheck.fingerprint.threads import cores

DIGEST_BYTES = 32
PREFIX = "b3:"
# Starting threads takes as long as hashing about this many bytes.
_WORTH_THREADS = 2**22
# Values that are handed to a hasher at once: enough to keep all its threads at work.
_PIECE = 2**22


def _threads(size: int) -> int:
    """Threads for so many bytes. Never blake3.AUTO: its threads are shared, and dead after fork."""
    return cores() if size >= _WORTH_THREADS else 1


def of_bytes(data: bytes | memoryview) -> bytes:
    """BLAKE3 of some bytes, 32 bytes long."""
    return blake3.blake3(data, max_threads=_threads(memoryview(data).nbytes)).digest()


def of_value(value: Any) -> bytes:
    """BLAKE3 of a value's canonical JSON."""
    return of_bytes(canonical_json(value))


def text(digest: bytes) -> str:
    """A digest as users see it: `b3:` and 64 hexadecimal digits."""
    return PREFIX + digest.hex()


def of_array(values: Array, dtype: str, threads: int | None = None) -> bytes:
    """BLAKE3 of a tensor: a header `dtype|shape|`, then its values, little-endian, in C order.

    Args:
        values: any shape; strings as an array of `str`, `bytes` or `object`.
        dtype: the framework's name of the type (`float32`, `bfloat16`, `float8_e4m3fn`, `string`).
            It is part of the digest, so equal bytes of another type are not equal.
        threads: how many to use, None for all that help.
    """
    if values.dtype.kind in "OSU":
        return _of_strings(values, dtype)
    from fpcheck.fingerprint import blocks  # with numpy, which digests of files do without

    limit = _PIECE if values.flags.c_contiguous else blocks.PIECE
    threads = threads or _threads(values.nbytes)
    return of_pieces(blocks.pieces(values, limit), values.shape, dtype, threads)


def of_pieces(
    pieces: Iterable[Array], shape: tuple[int, ...], dtype: str, threads: int = 1
) -> bytes:
    """BLAKE3 of a numeric tensor of such a shape, given as flat parts in C order."""
    begun = hasher(shape, dtype, threads)
    for piece in pieces:
        little = piece.astype(piece.dtype.newbyteorder("<"), copy=False)
        begun.update(little.view("u1").data)
    return bytes(begun.digest())


def hasher(shape: tuple[int, ...], dtype: str, threads: int = 1) -> blake3.blake3:
    """What takes the values' bytes of such a tensor, little-endian and in C order."""
    header = f"{dtype}|{','.join(map(str, shape))}|".encode()
    return blake3.blake3(header, max_threads=threads)


def _of_strings(values: Array, dtype: str) -> bytes:
    begun = hasher(values.shape, dtype)
    for item in values.ravel():
        data = item if isinstance(item, bytes) else str(item).encode()
        begun.update(len(data).to_bytes(8, "little") + data)
    return bytes(begun.digest())


def plain_hasher(size: int) -> blake3.blake3:
    """What takes so many bytes, as those of a whole file."""
    return blake3.blake3(max_threads=_threads(size))


def published_sum(path: Path, kind: str) -> str:
    """The `md5` or `sha256` of a file: what Keras publishes of its weights. It protects nothing."""
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(kind, usedforsecurity=False)
        ).hexdigest()
