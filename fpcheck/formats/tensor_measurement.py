"""Measures the tensors of an open file: all digests in one pass, then details of unknown ones."""

import mmap
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from fpcheck.codec import Array
from fpcheck.files.dataset import Dataset
from fpcheck.files.region import FileRegion
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.measurement import Details, Measurement
from fpcheck.fingerprint.threads import cores
from fpcheck.formats.assembly import Derived, Stored
from fpcheck.processes.process_limits import allow, allow_time

T = TypeVar("T")
# Tensors of so many bytes are measured by all threads at once, smaller ones by one thread each.
LARGE = 16 * 2**20


def digests(stored: Sequence[Stored], check: Callable[[], None] = lambda: None) -> list[bytes]:
    """The digest of every tensor, in order; runs `check` at the same time."""
    allow_time(sum(item.nbytes for item in stored))
    return _each(stored, lambda index, threads: _digest(stored[index], threads), check)


def measurements(
    stored: Sequence[Stored], own: Sequence[bytes], known: frozenset[bytes]
) -> tuple[Measurement, ...]:
    """The measurement of every tensor, with details if its digest, in `own`, is not known."""
    unknown = {
        one: item
        for one, item in zip(own, stored, strict=True)
        if one not in known and (isinstance(item, Dataset) or item.values.dtype.kind not in "OSU")
    }
    items = list(unknown.items())
    measured = _each([*unknown.values()], lambda i, threads: _details(*items[i], threads))
    details = dict(zip(unknown, measured, strict=True))
    return tuple(Measurement(one, details.get(one)) for one in own)


def _each(
    stored: Sequence[Stored],
    measure: Callable[[int, int], T],
    check: Callable[[], None] = lambda: None,
) -> list[T]:
    """`measure(index, threads)` of each tensor: with all threads if it is large, else with one."""
    with ThreadPoolExecutor(cores()) as pool:
        checked = pool.submit(check)
        results = {i: measure(i, cores()) for i, item in enumerate(stored) if item.nbytes >= LARGE}
        small = [index for index in range(len(stored)) if index not in results]
        results |= zip(small, pool.map(lambda index: measure(index, 1), small), strict=True)
        checked.result()
    return [results[index] for index in range(len(stored))]


def _details(own: bytes, item: Stored, threads: int) -> Details:
    from fpcheck.fingerprint.weights import measure_details  # only if something is unknown

    with values(item) as array:
        return measure_details(array, item.dtype, own, threads)


def _digest(item: Stored, threads: int) -> bytes:
    if isinstance(item, Derived):
        return digest.of_array(item.values, item.dtype)
    hasher = digest.hasher(item.shape, item.dtype, threads)
    item.scan(hasher.update)
    return bytes(hasher.digest())


@contextmanager
def values(item: Stored) -> Iterator[Array]:
    """The values of a tensor: derived ones, or mapped from the file or from a temporary file."""
    if isinstance(item, Derived):
        yield item.values
        return
    if not item.nbytes:
        yield np.zeros(item.shape, item.kind)
        return
    with tempfile.TemporaryFile() as spool:
        if item.offset is not None and isinstance(item.region, FileRegion):
            descriptor, start = item.region.source, item.region.start + item.offset
        else:
            allow(item.nbytes)
            item.scan(spool.write)
            spool.flush()
            descriptor, start = spool.fileno(), 0
        below = start - start % mmap.ALLOCATIONGRANULARITY
        length = start - below + item.nbytes
        # The mapping ends with the last array on it.
        view = mmap.mmap(descriptor, length, access=mmap.ACCESS_READ, offset=below)
        flat = np.frombuffer(view, item.kind, item.nbytes // item.kind.itemsize, start - below)
        yield flat.reshape(item.shape)
