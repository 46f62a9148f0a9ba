"""Reads a file in a process of its own, with limits: it may hang or kill its reader.

A flipped bit can make libhdf5 loop for ever or crash, and a small file can ask for all memory. So
the parent only opens the file; a child reads it, and answers in bounded, typed data.

What is limited is the child's own work: its processor time, by the system. The parent may be slow,
busy elsewhere or stopped, and the machine may be busy: an answer that is there is always taken.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from fpcheck.backends import is_framework_loaded
from fpcheck.codec import PathText
from fpcheck.errors import FpcheckError, NotAModelError, as_text
from fpcheck.files import NO_PLUGINS, limits
from fpcheck.files.address import is_address
from fpcheck.files.refusals import AGAIN, CUT_OFF, damaged
from fpcheck.processes.process_limits import Bounds, allow_time, bound, of_file, whole_seconds
from fpcheck.processes.process_watch import Watch

if TYPE_CHECKING:
    from fpcheck.formats.reading import Reading

_STEP = 2**20
# Stands for the descriptor of a remote file, which the child opens itself.
NO_FILE = -1
# How often the child is looked at while it does nothing, before it is given up.
_LOOKS = 10
_SLOW = "Download it, and give the path of the copy: the network may be slow."
_ENDLESS = "It is damaged, or made to take for ever. Save or download it again."
_STILL = "Check the disk or the network that the file is on, then run this again."
_SHORT = "The machine may be short of memory: close other programs, then run this again."
# A child, by its number where it was forked; and where its answer comes from.
_Started = tuple["int | subprocess.Popen[bytes]", int]


@dataclass(frozen=True)
class Job:
    """What a child is to read.

    Attributes:
        descriptor: of the file, open for reading; `NO_FILE` for a remote one.
        label: how messages name it.
        place: the folder of a local file, the address of a remote one.
        known: digests whose tensors need no details; None if none need any.
        wanted: packed `undoing.Wanted`, whose tensors are looked at closer; may be empty.
        whole: asks for nothing but the digest of all bytes of a local file.
    """

    descriptor: int
    label: str
    place: PathText
    known: frozenset[bytes] | None
    wanted: bytes = b""
    whole: bool = False


class Pending:
    """A child at work; see `start`."""

    def __init__(self, started: _Started, seconds: int, label: str) -> None:
        self._process, self._pipe = started
        self._label = label
        self._seconds = seconds

    @property
    def _number(self) -> int:
        """Of the process."""
        return self._process if isinstance(self._process, int) else self._process.pid

    def reading(self) -> "Reading":
        """What was read; raises as `answer` does."""
        from fpcheck.codec import unpack
        from fpcheck.formats.reading import Reading

        answer = self.answer()
        try:
            return unpack(answer, Reading)
        except ValueError:
            raise self._broken(0) from None

    def answer(self) -> bytes:
        """What the job asked for: a packed `Reading`, or the text of a digest.

        Raises:
            FpcheckError: what reading raised, or how the child ended.
        """
        from fpcheck.codec import unpack
        from fpcheck.formats.reading import Result

        try:
            data = self._received()
        finally:
            status = self.end()
        if data is None:
            raise FpcheckError(
                f"{self._label}: reading it has stalled: the process that reads it did nothing for "
                f"{limits.STALLED_SECONDS:g} s, so it was ended",
                _SLOW if is_address(self._label) else _STILL,
            )
        if len(data) > limits.ANSWER_BYTES:
            raise FpcheckError(
                f"{self._label}: refused: describes more than {limits.ANSWER_BYTES:,} bytes of "
                "structure",
                AGAIN,
            )
        try:
            result = unpack(data, Result)
        except ValueError:
            raise self._broken(status) from None
        if not result.fact:
            return result.answer
        error = (NotAModelError if result.no_model else FpcheckError)(result.fact, result.advice)
        error.add_note(result.trace)
        raise error

    def _received(self) -> bytes | None:
        """All that the child writes; None if it does nothing for `STALLED_SECONDS`.

        The time is counted in looks at the child, and only while this process waits: one that was
        stopped meanwhile, or does not ask, has not looked.
        """
        parts: list[bytes] = []
        size = idle = 0
        watch = Watch(self._number)
        waiting = select.poll()
        waiting.register(self._pipe, select.POLLIN)
        while size <= limits.ANSWER_BYTES:
            if not waiting.poll(limits.STALLED_SECONDS * 1000 / _LOOKS):
                idle = idle + 1 if watch.idle() else 0
                if idle == _LOOKS:
                    return None
                continue
            data = os.read(self._pipe, _STEP)
            if not data:
                break
            parts.append(data)
            size += len(data)
            idle = 0
        return b"".join(parts)

    def end(self) -> int:
        """End the child if it still runs; its exit status, negative for a signal.

        One that has answered, or has died, is not changed by being killed.
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

    def _broken(self, status: int) -> FpcheckError:
        """Why there is no answer, by the exit status."""
        if status == -getattr(signal, "SIGXCPU", 0):
            return FpcheckError(
                f"{self._label}: reading it took more than {self._seconds} s of processor time, "
                "so it was ended",
                _ENDLESS,
            )
        if status == -getattr(signal, "SIGBUS", 0):  # its values are mapped, and no longer there
            return FpcheckError(f"{self._label}: {CUT_OFF}", AGAIN)
        ended = f"the process that reads it {how_ended(status)}"
        if status == -signal.SIGKILL:
            return FpcheckError(f"{self._label}: {ended}", _SHORT)
        return FpcheckError(f"{self._label}: damaged: {ended}", AGAIN)


def start(job: Job, size: int) -> Pending:
    """Start to read a file in a child.

    Args:
        job: what to read.
        size: of the file in bytes; tensors of it are mapped.
    """
    begin = _forked if may_fork() else _spawned
    bounds = of_file(size)
    return Pending(begin(job, bounds), whole_seconds(bounds.seconds), job.label)


def may_fork() -> bool:
    """Forking takes milliseconds; with other threads about, or a framework's, it is not safe.

    The one thread that does no harm is the timer of the progress display, which only waits.
    """
    others = [t for t in threading.enumerate() if t is not threading.current_thread()]
    alone = all(isinstance(thread, threading.Timer) for thread in others)
    return alone and not is_framework_loaded() and sys.platform in ("linux", "darwin")


def _forked(job: Job, bounds: Bounds) -> _Started:
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
        _serve(job, writing, bounds)
        status = 0
    finally:
        os._exit(status)  # nothing of the parent's may run twice


def _spawned(job: Job, bounds: Bounds) -> _Started:
    from fpcheck.codec import pack

    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, str(writing)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[fd for fd in (writing, job.descriptor) if fd != NO_FILE],
    )
    os.close(writing)
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as stream:  # told when the answer is missing
        stream.write(pack((job, bounds)))
    return process, reading


def main() -> None:
    """The far end of `_spawned`."""
    from fpcheck.codec import unpack

    job, bounds = unpack(sys.stdin.buffer.read(), tuple[Job, Bounds])
    _serve(job, int(sys.argv[1]), bounds)
    os._exit(0)  # the answer is written, and to take Python down takes as long as a small file


def _serve(job: Job, pipe: int, bounds: Bounds) -> None:
    os.environ.update(NO_PLUGINS)  # before h5py is imported
    from fpcheck.codec import pack
    from fpcheck.formats.reading import Result

    try:
        if not job.whole:  # libraries map memory for each core, which is not the file's doing
            import_module("fpcheck.formats.reader")
        bound(bounds)
        result = Result(_digested(job) if job.whole else _read(job))
    except FpcheckError as error:
        no_model = isinstance(error, NotAModelError)
        trace = as_text(traceback.format_exc())
        result = Result(b"", error.fact, error.advice, trace, no_model)
    except MemoryError:
        fact = f"{job.label}: refused: it asks for more memory than reading may take"
        result = Result(b"", fact, AGAIN)
    except Exception as error:  # the parent says what happened
        fact = as_text(f"{job.label}: reading failed: {type(error).__name__}: {error}"[:500])
        result = Result(b"", fact, "--debug shows where.", as_text(traceback.format_exc()))
    with os.fdopen(pipe, "wb") as stream:
        stream.write(pack(result))


def _read(job: Job) -> bytes:
    from fpcheck.codec import pack
    from fpcheck.formats.reader import read

    return pack(read(job))


def _digested(job: Job) -> bytes:
    from fpcheck.files.region import FileRegion
    from fpcheck.fingerprint import digest

    size = os.fstat(job.descriptor).st_size
    allow_time(size)
    hasher = digest.plain_hasher(size)
    try:
        FileRegion(job.descriptor, 0, size).scan(0, size, hasher.update)
    except EOFError as error:
        raise damaged(job.label, CUT_OFF) from error
    return digest.text(hasher.digest()).encode()


def how_ended(status: int) -> str:
    """The end of a process in words; a negative status is a signal."""
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


if __name__ == "__main__":
    main()
