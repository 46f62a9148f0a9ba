"""Cutting tensors into pieces, and measuring the pieces in several threads.

The cuts depend on the shape of the tensor alone, and results are merged in the order of the pieces.
So a measurement has the same bits for any number of threads, and needs the memory of a few pieces,
however large the tensor is.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint.threads import cores

R = TypeVar("R")
# Waits for the result of a call. A `Future` would cost as much as measuring a small tensor.
Pending = Callable[[], R]
# Starts a call with arguments, or makes it at once.
Submit = Callable[..., Pending[Any]]
# What gives the figures of one part, from several threads in any order; what adds them, in the
# order of the parts; and the parts of a tensor, which do not depend on threads.
Gauge = tuple[Callable[[Any], Any], Callable[[Any], None], Iterable[Any]]

# Values in a piece, by default: a few megabytes.
PIECE = 2**21
# Starting threads takes as long as measuring about this many values.
WORTH_THREADS = 2**18
# A piece has a multiple of so many rows, so that columns are read by whole cache lines.
_LINE = 64
# A tile and its copy fit the caches of a core, and take long enough to keep threads apart.
_TILE = 2**16


def threads_for(values: Array) -> int:
    """How many threads make measuring a tensor faster."""
    return cores() if values.size >= WORTH_THREADS else 1


def at_once(call: Callable[..., R], *args: Any) -> Pending[R]:
    """Makes a call in the calling thread; raises its exception."""
    result = call(*args)
    return lambda: result


@contextmanager
def workers(threads: int) -> Iterator[Submit]:
    """Starts calls in a pool of threads for one task; `at_once` for one thread.

    The threads end with the task: a permanent pool would not survive os.fork, and a call in it that
    measures too could wait for itself.
    """
    if threads == 1:
        yield at_once
        return
    pool = ThreadPoolExecutor(threads, "fpcheck")
    try:
        yield lambda call, *args: pool.submit(call, *args).result
    finally:
        pool.shutdown(cancel_futures=True)


def run(submit: Submit, gauges: Iterable[Gauge], ahead: int) -> None:
    """Measures all parts with one gauge after the other.

    At most `ahead` measured parts wait to be merged, which limits the memory.
    """
    waiting: deque[tuple[Callable[[Any], None], Pending[Any]]] = deque()
    for measure, merge, parts in gauges:
        for part in parts:
            waiting.append((merge, submit(measure, part)))
            if len(waiting) > ahead:
                merge_first, figures = waiting.popleft()
                merge_first(figures())
    for merge, figures in waiting:
        merge(figures())


class Room(threading.local):
    """Float64 arrays of given sizes, one set per thread, reused since allocation takes time."""

    def __init__(self, *sizes: int) -> None:
        self.arrays = tuple(np.empty(size) for size in sizes)


def slabs(shape: tuple[int, ...], most: int) -> Iterator[tuple[slice, ...]]:
    """The indices of parts of a tensor, in C order, with at most `most` values each."""
    if not shape:
        yield ()
        return
    width = math.prod(shape[1:])
    if width > most:
        for row in range(shape[0]):
            yield from ((slice(row, row + 1), *rest) for rest in slabs(shape[1:], most))
        return
    step = most // max(1, width)
    yield from ((slice(start, start + step),) for start in range(0, shape[0], step))


def pieces(values: Array, limit: int = PIECE) -> Iterator[Array]:
    """The values in C order, flat, in pieces of at most `limit`.

    A piece is a view if the values are contiguous; else it is valid until the next piece.
    """
    contiguous = values.flags.c_contiguous
    step = limit if contiguous else _step(values.shape, limit)
    room = None if contiguous else np.empty(min(step, values.size), values.dtype)
    for start in range(0, values.size, step):
        yield piece(values, start, min(start + step, values.size), room)


def _step(shape: tuple[int, ...], limit: int) -> int:
    """How many values a piece has: whole rows along the first axis that allows it."""
    width = 1
    for size in reversed(shape):
        if width * size > limit:
            rows = limit // width
            return width * (rows // _LINE * _LINE or rows)
        width *= size
    return max(1, width)


def piece(values: Array, start: int, stop: int, room: Array | None = None) -> Array:
    """Values `start` to `stop`, at least one, flat in C order: a view if they are contiguous.

    Else a copy, in `room` if that is given.
    """
    if values.flags.c_contiguous:
        return values.reshape(-1)[start:stop]
    copied = np.empty(stop - start, values.dtype) if room is None else room[: stop - start]
    _copy(values, start, stop, copied)
    return copied


def _copy(values: Array, start: int, stop: int, flat: Array) -> None:
    """Fills `flat` with the rest of one row, with whole rows, and with a part of another row."""
    if values.ndim == 1:
        flat[:] = values[start:stop]
        return
    width = values.size // len(values)
    while start < stop:
        row, before = divmod(start, width)
        rows = (stop - start) // width
        if before or not rows:
            count = min(width - before, stop - start)
            _copy(values[row], before, before + count, flat[:count])
        else:
            count = rows * width
            part = values[row : row + rows]
            into = flat[:count].reshape(part.shape)
            if abs(part.strides[-1]) > abs(part.strides[-2]):
                _transpose(part, into)
            else:
                into[...] = part
        start, flat = start + count, flat[count:]


def _transpose(columns: Array, rows: Array) -> None:
    """Copies columns to rows tile by tile, since the values of a row are far apart in `columns`."""
    if columns.ndim > 2 and columns[0].size >= _TILE // 8:
        for pair in zip(columns, rows, strict=True):
            _transpose(*pair)
        return
    height, width = columns.shape[-2:]
    down = min(height, _LINE)
    across = _TILE // down
    for top in range(0, height, down):
        for left in range(0, width, across):
            tile = (..., slice(top, top + down), slice(left, left + across))
            rows[tile] = np.ascontiguousarray(columns[tile].swapaxes(-1, -2)).swapaxes(-1, -2)
