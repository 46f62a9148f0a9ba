"""Measuring the tensors of an opened file: digests in one pass, details of what is unknown."""

import mmap
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from fpcheck.codec import Array
from fpcheck.files.assembly import Stored
from fpcheck.files.hdf5 import Dataset
from fpcheck.files.region import FileRegion
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.measurement import Measurement

# From here on one tensor is hashed by all threads; smaller ones are shared out among them.
LARGE = 16 * 2**20
THREADS = os.cpu_count() or 1


def digests(stored: Sequence[Stored], check: Callable[[], None]) -> list[bytes]:
    """The digest of every tensor, in order; runs `check` beside."""
    large = [place for place, item in enumerate(stored) if _size(item) >= LARGE]
    small = [place for place, item in enumerate(stored) if _size(item) < LARGE]
    found: dict[int, bytes] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        checked = pool.submit(check)
        for place in large:
            found[place] = _digest(stored[place], THREADS)
        found |= zip(small, pool.map(lambda place: _digest(stored[place], 1), small), strict=True)
        checked.result()
    return [found[place] for place in range(len(stored))]


def measurements(
    stored: Sequence[Stored], own: Sequence[bytes], known: frozenset[bytes]
) -> tuple[Measurement, ...]:
    """Every tensor measured; details for those whose digest is not known.

    Args:
        stored: the tensors.
        own: their digests.
        known: digests that need no details.
    """
    return tuple(_measured(item, one, known) for item, one in zip(stored, own, strict=True))


def _measured(item: Stored, own: bytes, known: frozenset[bytes]) -> Measurement:
    if own in known:
        return Measurement(own, None)
    from fpcheck.fingerprint.weights import measure_details

    if isinstance(item, tuple):
        values, dtype = item
        plain = values.dtype.kind in "OSU"
        return Measurement(own, None if plain else measure_details(values, dtype, own))
    with mapped(item) as values:
        return Measurement(own, measure_details(values, item.dtype, own))


def _size(item: Stored) -> int:
    return item.nbytes if isinstance(item, Dataset) else 0


def _digest(item: Stored, threads: int) -> bytes:
    if isinstance(item, tuple):
        return digest.of_array(*item)
    hasher = digest.hasher(item.shape, item.dtype, threads)
    item.scan(hasher.update)
    return bytes(hasher.digest())


@contextmanager
def mapped(dataset: Dataset) -> Iterator[Array]:
    """The values as an array that is not in memory: in the file itself, or in a temporary one."""
    import ml_dtypes

    kind = np.dtype(getattr(ml_dtypes, dataset.dtype, None) or dataset.stored.newbyteorder("<"))
    if not dataset.nbytes:
        yield np.zeros(dataset.shape, kind)
        return
    with tempfile.TemporaryFile() as spool:
        descriptor, start = _place(dataset, spool)
        below = start - start % mmap.ALLOCATIONGRANULARITY
        length = start - below + dataset.nbytes
        # Unmapped when the last array on it goes.
        view = mmap.mmap(descriptor, length, access=mmap.ACCESS_READ, offset=below)
        flat = np.frombuffer(view, kind, dataset.nbytes // kind.itemsize, start - below)
        yield flat.reshape(dataset.shape)


def _place(dataset: Dataset, spool: Any) -> tuple[int, int]:
    """A descriptor, and where in it the values lie."""
    if dataset.offset is not None and isinstance(dataset.region, FileRegion):
        return dataset.region.descriptor, dataset.region.start + dataset.offset
    dataset.scan(spool.write)
    spool.flush()
    return spool.fileno(), 0
