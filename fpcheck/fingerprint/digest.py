"""Digests: whether two values are exactly equal."""

from collections.abc import Iterable
from typing import Any

import blake3

from fpcheck.codec import Array, canonical_json
from fpcheck.fingerprint.threads import cores

DIGEST_BYTES = 32
PREFIX = "b3:"
# Starting threads takes as long as hashing about this many bytes.
_WORTH_THREADS = 2**22
# Values per call of a hasher: enough to keep all its threads busy.
_PIECE = 2**22


def _threads(size: int) -> int:
    """Threads for `size` bytes. Not blake3.AUTO: its threads are shared and do not survive fork."""
    return cores() if size >= _WORTH_THREADS else 1


def of_bytes(data: bytes | memoryview) -> bytes:
    """BLAKE3 of bytes: 32 bytes."""
    return blake3.blake3(data, max_threads=_threads(memoryview(data).nbytes)).digest()


def of_value(value: Any) -> bytes:
    """BLAKE3 of a value's canonical JSON."""
    return of_bytes(canonical_json(value))


def text(digest: bytes) -> str:
    """A digest as users see it: `b3:` and 64 hexadecimal digits."""
    return PREFIX + digest.hex()


def of_array(values: Array, dtype: str, threads: int | None = None) -> bytes:
    """BLAKE3 of a tensor: a header `dtype|shape|`, then its values, little-endian, in C order.

    `dtype` is Keras's name of the type (`float32`, `bfloat16`, `float8_e4m3fn`, `string`), so equal
    bytes of another type are not equal. Strings are an array of `str`, `bytes` or `object`. None
    stands for as many threads as are useful.
    """
    if values.dtype.kind in "OSU":
        return _of_strings(values, dtype)
    from fpcheck.fingerprint import blocks  # imports numpy, which digests of files do not need

    limit = _PIECE if values.flags.c_contiguous else blocks.PIECE
    threads = threads or _threads(values.nbytes)
    return of_pieces(blocks.pieces(values, limit), values.shape, dtype, threads)


def of_pieces(
    pieces: Iterable[Array], shape: tuple[int, ...], dtype: str, threads: int = 1
) -> bytes:
    """BLAKE3 of a numeric tensor, given as flat pieces in C order."""
    tensor_hasher = hasher(shape, dtype, threads)
    for piece in pieces:
        little = piece.astype(piece.dtype.newbyteorder("<"), copy=False)
        tensor_hasher.update(little.view("u1").data)
    return bytes(tensor_hasher.digest())


def hasher(shape: tuple[int, ...], dtype: str, threads: int = 1) -> blake3.blake3:
    """A hasher for the bytes of a tensor's values, little-endian and in C order."""
    header = f"{dtype}|{','.join(map(str, shape))}|".encode()
    return blake3.blake3(header, max_threads=threads)


def _of_strings(values: Array, dtype: str) -> bytes:
    tensor_hasher = hasher(values.shape, dtype)
    for item in values.ravel():
        data = item if isinstance(item, bytes) else str(item).encode()
        tensor_hasher.update(len(data).to_bytes(8, "little") + data)
    return bytes(tensor_hasher.digest())


def plain_hasher(size: int) -> blake3.blake3:
    """A hasher for `size` bytes without a header, such as those of a whole file."""
    return blake3.blake3(max_threads=_threads(size))
