"""What a child process may take of the machine: time, address space, no core dumps."""

import math
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from fpcheck.codec import Value


class Bounds(Value, frozen=True):
    """What a process may take.

    Attributes:
        seconds: of processor time, of all threads together, beside what `allow_time` adds.
        more_seconds: what it may add, per byte of values.
        most_seconds: processor time in all, however many values a file describes.
        space: bytes of address space, beyond what the process has when it is bounded.
        stalled_seconds: how long it may do nothing while its parent waits for it.
        reply: bytes of its reply.
    """

    seconds: float
    more_seconds: float
    most_seconds: float
    space: int
    stalled_seconds: float
    reply: int


# Of this process; None where it is not bounded.
_bounds: Bounds | None = None


def bound(bounds: Bounds) -> None:
    """Bound this process.

    At the limit of processor time `SIGXCPU` ends it, also in a loop of a library. Time in which it
    waits, or is stopped, or the machine is busy, does not count.
    """
    global _bounds  # one per process, like the system's limits
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)  # the parent may ignore it
    _bounds = bounds
    for what, most in (
        (resource.RLIMIT_CPU, whole_seconds(bounds.seconds)),
        (resource.RLIMIT_AS, _address_space() + bounds.space),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # macOS knows no limit of address space
            _set(what, most)


def whole_seconds(seconds: float) -> int:
    """A limit of processor time as the system keeps it."""
    return max(1, math.ceil(seconds))


def allow(more: int) -> None:
    """Let this process map so many more bytes: those of data that was found to be sound."""
    if _bounds is not None:
        soft = resource.getrlimit(resource.RLIMIT_AS)[0]
        if soft != resource.RLIM_INFINITY:
            _set(resource.RLIMIT_AS, soft + more)


def allow_time(nbytes: int) -> None:
    """Let this process work on so many bytes of values, whose number was found to be sound."""
    global _bounds
    if _bounds is not None:
        seconds = min(_bounds.seconds + _bounds.more_seconds * nbytes, _bounds.most_seconds)
        _bounds = replace(_bounds, seconds=seconds)
        _set(resource.RLIMIT_CPU, whole_seconds(seconds))


def _set(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (soft, hard))


def _address_space() -> int:
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
