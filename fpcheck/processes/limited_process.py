"""Runs a named function in a child process with limits: it may hang, or crash its process.

A flipped bit in a file can make a library loop for ever or crash, and a small file can ask for all
memory. So a child does the work, and replies in bounded, typed data.

The limits are for the child's own work: the system counts its processor time. The parent may be
slow, busy or stopped, and the machine may be busy: a reply that is there is always taken.
"""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from fpcheck.backends import is_framework_loaded
from fpcheck.codec import Value, pack, unpack
from fpcheck.processes.process_limits import Bounds, bound, whole_seconds
from fpcheck.processes.reply import Cause, ChildError, Reply, call, named, reply_of, result_of

T = TypeVar("T")
_STEP = 2**20
# How many looks in a row must find the child doing nothing before it is ended.
_LOOKS = 10
# A child, by its number where it was forked; and the pipe that its reply comes from.
_Started = tuple["int | subprocess.Popen[bytes]", int]


# What Linux says of a process; macOS has only `ps`.
_STAT = "/proc/{}/stat"
# States, as `ps` and Linux call them, in which a process does not wait for anything: it runs, or
# would if the machine had time, or somebody stopped it.
_NOT_WAITING = ("R", "T", "t")


class Task(Value, frozen=True):
    """What a child does: call a function of a module, with a packed tuple of arguments."""

    function: str
    arguments: bytes
    bounds: Bounds
    environment: dict[str, str]


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


class LimitedProcess:
    """A child at work; see `start`."""

    def __init__(self, started: _Started, bounds: Bounds) -> None:
        self._process, self._pipe = started
        self._bounds = bounds

    def result(self, kind: type[T]) -> T:
        """Wait for what the function returns or raises; ChildError if that has not this type."""
        try:
            data = self._received()
        finally:
            status = self.end()
        if data is None:
            raise ChildError(Cause.STALLED, f"{self._bounds.stalled_seconds:g} s")
        if len(data) > self._bounds.reply:
            raise ChildError(Cause.TOO_LARGE, f"{self._bounds.reply:,} bytes")
        try:
            return unpack(result_of(unpack(data, Reply)), kind)
        except ValueError:
            raise self._ended(status) from None

    def _received(self) -> bytes | None:
        """All that the child writes; None if it does nothing for too long.

        The time is counted in looks at the child, and only while this process waits: a parent that
        was stopped, or that does not wait, does not look.
        """
        received, idle = bytearray(), 0
        watch = Watch(self._process if isinstance(self._process, int) else self._process.pid)
        waiting = select.poll()
        waiting.register(self._pipe, select.POLLIN)
        while len(received) <= self._bounds.reply:
            if waiting.poll(self._bounds.stalled_seconds * 1000 / _LOOKS):
                data, idle = os.read(self._pipe, _STEP), 0
                if not data:
                    break
                received += data
            elif (idle := idle + 1 if watch.idle() else 0) == _LOOKS:
                return None
        return bytes(received)

    def end(self) -> int:
        """End the child if it still runs; its exit status, negative for a signal.

        Killing a child that has replied, or has died, changes nothing.
        """
        os.close(self._pipe)
        if not isinstance(self._process, int):
            self._process.kill()
            return self._process.wait()
        try:
            os.kill(self._process, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        except (ProcessLookupError, ChildProcessError):  # where SIGCHLD is ignored
            return 0

    def _ended(self, status: int) -> ChildError:
        """Why there is no reply, by the exit status."""
        if status == -signal.SIGXCPU:
            return ChildError(Cause.OUT_OF_TIME, f"{whole_seconds(self._bounds.seconds)} s")
        causes = {-signal.SIGBUS: Cause.UNMAPPED, -signal.SIGKILL: Cause.KILLED}
        return ChildError(causes.get(status, Cause.ENDED), how_ended(status))


def start(
    function: str,
    arguments: tuple[Any, ...],
    bounds: Bounds,
    descriptors: tuple[int, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> LimitedProcess:
    """Start to run `package.module:function` in a child: a fork if that is safe, else a new Python.

    The function's type hints say how its arguments are unpacked. The child inherits the files of
    `descriptors`. It sets the variables of `environment` before it imports the function.
    """
    task = Task(function, pack(arguments), bounds, {**(environment or {})})
    started = _forked(task) if may_fork() else _spawned(task, descriptors)
    return LimitedProcess(started, bounds)


def may_fork() -> bool:
    """Forking takes milliseconds; with other threads about, or a framework's, it is not safe.

    The one thread that does no harm is the timer of the progress display, which only waits.
    """
    others = [t for t in threading.enumerate() if t is not threading.current_thread()]
    alone = all(isinstance(thread, threading.Timer) for thread in others)
    return alone and not is_framework_loaded() and sys.platform in ("linux", "darwin")


def _forked(task: Task) -> _Started:
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        os.close(writing)
        return process, reading
    status = 1
    try:
        os.close(reading)
        _serve(task, writing)
        status = 0
    finally:
        os._exit(status)  # nothing of the parent's may run twice


def _spawned(task: Task, descriptors: tuple[int, ...]) -> _Started:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, str(writing)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=(writing, *descriptors),
    )
    os.close(writing)
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as stream:  # the missing reply is reported
        stream.write(pack(task))
    return process, reading


def _serve(task: Task, pipe: int) -> None:
    os.environ.update(task.environment)

    def result() -> bytes:
        function = named(task.function)  # first: the memory that libraries map does not count
        bound(task.bounds)
        return call(function, task.arguments)

    reply = reply_of(result)
    with os.fdopen(pipe, "wb") as stream:
        stream.write(pack(reply))


def how_ended(status: int) -> str:
    """The end of a process in words; a negative status is a signal."""
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


if __name__ == "__main__":  # the far end of `_spawned`
    _serve(unpack(sys.stdin.buffer.read(), Task), int(sys.argv[1]))
    os._exit(0)  # the reply is written, and taking Python down takes as long as a small file
