"""How many threads may be used for measuring."""

import os

# More gain little, since one digest is an eighth of the work, and each thread takes memory.
MOST_THREADS = 8


def cores() -> int:
    """How many threads can run at once in this process, at most `MOST_THREADS`."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MOST_THREADS)
    return min(os.cpu_count() or 1, MOST_THREADS)
