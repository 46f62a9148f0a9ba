"""Whether another process works, as far as the system shows it."""

import subprocess
from contextlib import suppress
from pathlib import Path

# What Linux says of a process; macOS has only `ps`.
_STAT = "/proc/{}/stat"
# States, as `ps` and Linux call them, in which a process does not wait for anything: it runs, or
# would if the machine had time, or somebody stopped it.
_NOT_WAITING = ("R", "T", "t")


class Watch:
    """Looks at a process, given by its number, from time to time."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._seen: str | None = None

    def idle(self) -> bool:
        """Whether it waits, and has done nothing but wait since the last look."""
        before, self._seen = self._seen, _signs(self._process)
        if self._seen is None or self._seen != before:
            return False
        state = self._seen.rpartition(")")[2].split()[:1]  # the name, in brackets, may be anything
        return bool(state) and not state[0].startswith(_NOT_WAITING)


def _signs(process: int) -> str | None:
    """The state of a process and what changes while it works; None if the system does not say."""
    with suppress(OSError):
        # State, processor time of all threads, pages that were touched, time spent on disks.
        return Path(_STAT.format(process)).read_text(errors="replace")
    with suppress(OSError, subprocess.CalledProcessError):
        command = ["ps", "-o", "stat=", "-o", "time=", "-p", str(process)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return None
