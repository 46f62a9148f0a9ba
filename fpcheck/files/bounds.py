"""What a process that reads a file may take of the machine: time, address space, no core dumps."""

import os
from pathlib import Path

try:
    import resource
except ImportError:  # not on Windows, where only time is bounded, by the parent
    resource = None  # type: ignore[assignment]


def bound(seconds: float, space: int) -> None:
    """Bound this process.

    Args:
        seconds: of processor time, on each core.
        space: bytes of address space, beyond what it has now.
    """
    if resource is None:
        return
    cores = os.cpu_count() or 1
    for what, most in (
        (resource.RLIMIT_CPU, int(seconds * cores) + 1),
        (resource.RLIMIT_AS, _address_space() + space),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            _set(what, most)
        except (ValueError, OSError):  # macOS knows no limit of address space
            continue


def allow(more: int) -> None:
    """Let this process map so many more bytes: a tensor that was found to be sound."""
    if resource is None:
        return
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    if soft != resource.RLIM_INFINITY:
        _set(resource.RLIMIT_AS, soft + more)


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
