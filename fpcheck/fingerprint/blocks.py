"""Cutting tensors into pieces, and sharing work on the pieces among threads.

What is cut, and where, depends on a tensor's shape alone; results are merged in the order of the
pieces. So a measurement has the same bits for any number of threads, and needs the memory of a few
pieces, however large the tensor is.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint.threads import cores

T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
P = ParamSpec("P")

# Values in a piece where nothing asks for another size: a few megabytes.
PIECE = 2**21
# Starting threads takes as long as measuring about this many values.
WORTH_THREADS = 2**18
# Rows of a piece come in multiples of this, so that columns are read by whole cache lines.
_LINE = 64
# A tile and its copy fit the caches of a core, and take long enough for threads not to meet.
_TILE = 2**16


def threads_for(values: Array) -> int:
    """How many threads are worth while for measuring a tensor."""
    return cores() if values.size >= WORTH_THREADS else 1


class Pending(Protocol[R_co]):
    """Work that was handed over."""

    def result(self) -> R_co:
        """What came of it, as soon as it is done; raises what it raised."""


class Pool(Protocol):
    """Takes work: a thread pool, or `Inline`."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Pending[R]:
        """Takes one call."""


class Inline:
    """Does what is submitted at once, in the thread that submits it."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Done[R]":
        """Calls; an error is raised here and now."""
        return Done(fn(*args, **kwargs))


class Done(Generic[R]):
    """A result that is there already. A `Future` would cost as much as measuring a small tensor."""

    def __init__(self, value: R) -> None:
        self._value = value

    def result(self) -> R:
        """What came of it."""
        return self._value


@contextmanager
def workers(threads: int) -> Iterator[Pool]:
    """Threads for one task; none for `threads` = 1.

    They are made for each task and end with it: a pool that is kept would be dead after os.fork,
    and would be in the way of itself where work in it measures too.
    """
    if threads == 1:
        yield Inline()
        return
    pool = ThreadPoolExecutor(threads, "fpcheck")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class Gauge(Protocol[T, R]):
    """Measures a tensor part by part."""

    def parts(self) -> Iterable[T]:
        """Where the tensor is cut; does not depend on threads."""

    def measure(self, part: T) -> R:
        """The figures of one part; called from several threads, in any order."""

    def merge(self, figures: R) -> None:
        """Adds the figures of the next part; called in the order of the parts."""


def run(pool: Pool, gauges: Iterable[Gauge[Any, Any]], ahead: int) -> None:
    """Measures all parts with all gauges.

    Args:
        pool: where parts are measured.
        gauges: one after the other.
        ahead: how many parts may be measured before their turn to be merged; bounds the memory.
    """
    waiting: deque[tuple[Gauge[Any, Any], Pending[Any]]] = deque()
    for gauge in gauges:
        for part in gauge.parts():
            waiting.append((gauge, pool.submit(gauge.measure, part)))
            if len(waiting) > ahead:
                _merge(*waiting.popleft())
    while waiting:
        _merge(*waiting.popleft())


def _merge(gauge: Gauge[Any, R], figures: Pending[R]) -> None:
    gauge.merge(figures.result())


class Room(threading.local):
    """Float64 arrays of some sizes, for each thread its own: making them anew costs time."""

    def __init__(self, *sizes: int) -> None:
        self.arrays = tuple(np.empty(size) for size in sizes)


def slabs(shape: tuple[int, ...], most: int) -> Iterator[tuple[slice, ...]]:
    """Places of parts of a tensor, of at most `most` values each, that follow in C order."""
    if not shape:
        yield ()
        return
    width = math.prod(shape[1:])
    if width > most:
        for row in range(shape[0]):
            for rest in slabs(shape[1:], most):
                yield slice(row, row + 1), *rest
        return
    step = most // max(1, width)
    for start in range(0, shape[0], step):
        yield (slice(start, start + step),)


def pieces(values: Array, limit: int = PIECE) -> Iterator[Array]:
    """The values in C order, flat, in pieces of at most `limit`.

    A piece is a view where the values lie so; else it is gone when the next is asked for.
    """
    whole = values.flags.c_contiguous
    step = limit if whole else _step(values.shape, limit)
    room = None if whole else np.empty(min(step, values.size), values.dtype)
    for start in range(0, values.size, step):
        yield piece(values, start, min(start + step, values.size), room)


def _step(shape: tuple[int, ...], limit: int) -> int:
    """Whole rows, along the first axis that allows it."""
    width = 1
    for size in reversed(shape):
        if width * size > limit:
            rows = limit // width
            return width * (rows // _LINE * _LINE or rows)
        width *= size
    return max(1, width)


def piece(values: Array, start: int, stop: int, room: Array | None = None) -> Array:
    """Values `start` to `stop` in C order, flat: a view where they lie so, else a copy.

    Args:
        values: any shape.
        start: counted in C order.
        stop: more than `start`.
        room: where a copy goes; not smaller than it.
    """
    if values.flags.c_contiguous:
        return values.reshape(-1)[start:stop]
    copied = np.empty(stop - start, values.dtype) if room is None else room[: stop - start]
    _copy(values, start, stop, copied)
    return copied


def _copy(values: Array, start: int, stop: int, flat: Array) -> None:
    """Fills `flat` with what is left of one row, with whole rows, and with a part of another."""
    if values.ndim == 1:
        flat[:] = values[start:stop]
        return
    width = values.size // len(values)
    while start < stop:
        row, before = divmod(start, width)
        rows = (stop - start) // width
        if before or not rows:
            taken = min(width - before, stop - start)
            _copy(values[row], before, before + taken, flat[:taken])
        else:
            taken = rows * width
            part = values[row : row + rows]
            _copy_whole(part, flat[:taken].reshape(part.shape))
        start, flat = start + taken, flat[taken:]


def _copy_whole(values: Array, rows: Array) -> None:
    if abs(values.strides[-1]) > abs(values.strides[-2]):
        _turn(values, rows)
    else:
        rows[...] = values


def _turn(columns: Array, rows: Array) -> None:
    """Copies columns to rows tile by tile, since values of a row lie far apart in `columns`."""
    if columns.ndim > 2 and columns[0].size >= _TILE // 8:
        for pair in zip(columns, rows, strict=True):
            _turn(*pair)
        return
    height, width = columns.shape[-2:]
    down = min(height, _LINE)
    across = _TILE // down
    for top in range(0, height, down):
        for left in range(0, width, across):
            place = (..., slice(top, top + down), slice(left, left + across))
            near = np.ascontiguousarray(columns[place].swapaxes(-1, -2))
            rows[place] = near.swapaxes(-1, -2)
