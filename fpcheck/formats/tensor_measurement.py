"""Measuring the tensors of an opened file: digests in one pass, details of what is unknown."""

import mmap
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from fpcheck.codec import Array
from fpcheck.files.dataset import Dataset
from fpcheck.files.region import FileRegion
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.threads import cores
from fpcheck.formats.assembly import Derived, Stored
from fpcheck.processes.process_limits import allow, allow_time

T = TypeVar("T")
# From here on one tensor is measured by all threads; smaller ones are shared out among them.
LARGE = 16 * 2**20


def digests(stored: Sequence[Stored], check: Callable[[], None]) -> list[bytes]:
    """The digest of every tensor, in order; runs `check` beside."""
    allow_time(sum(map(nbytes, stored)))
    with ThreadPoolExecutor(cores()) as pool:
        checked = pool.submit(check)
        found = _shared_out(
            pool, stored, range(len(stored)), lambda place, n: _digest(stored[place], n)
        )
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
    unknown = [
        place
        for place, (item, one) in enumerate(zip(stored, own, strict=True))
        if one not in known and _numeric(item)
    ]
    with ThreadPoolExecutor(cores()) as pool:
        found = _shared_out(
            pool, stored, unknown, lambda place, n: _measured(stored[place], own[place], n)
        )
    return tuple(found.get(place) or Measurement(one, None) for place, one in enumerate(own))


def _shared_out(
    pool: ThreadPoolExecutor,
    stored: Sequence[Stored],
    places: Sequence[int],
    work: Callable[[int, int], T],
) -> dict[int, T]:
    """What `work` gives for each place and a number of threads: all of them for a large tensor."""
    large = [place for place in places if nbytes(stored[place]) >= LARGE]
    small = [place for place in places if nbytes(stored[place]) < LARGE]
    found = {place: work(place, cores()) for place in large}
    return found | dict(zip(small, pool.map(lambda place: work(place, 1), small), strict=True))


def _numeric(item: Stored) -> bool:
    return isinstance(item, Dataset) or item.values.dtype.kind not in "OSU"


def _measured(item: Stored, own: bytes, threads: int) -> Measurement:
    from fpcheck.fingerprint.weights import measure_details

    with values(item) as array:
        return Measurement(own, measure_details(array, item.dtype, own, threads))


def nbytes(item: Stored) -> int:
    """How many bytes the values of a tensor take."""
    return item.nbytes if isinstance(item, Dataset) else int(item.values.nbytes)


def _digest(item: Stored, threads: int) -> bytes:
    if isinstance(item, Derived):
        return digest.of_array(item.values, item.dtype)
    hasher = digest.hasher(item.shape, item.dtype, threads)
    item.scan(hasher.update)
    return bytes(hasher.digest())


@contextmanager
def values(item: Stored) -> Iterator[Array]:
    """The values of a tensor, in memory only where they are derived."""
    if isinstance(item, Derived):
        yield item.values
    else:
        with mapped(item) as array:
            yield array


@contextmanager
def mapped(dataset: Dataset) -> Iterator[Array]:
    """The values as an array that is not in memory: in the file itself, or in a temporary one."""
    kind = dataset.kind
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
    allow(dataset.nbytes)
    dataset.scan(spool.write)
    spool.flush()
    return spool.fileno(), 0
