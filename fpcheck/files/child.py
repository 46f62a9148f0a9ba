"""Reads a file in a process of its own, with limits: it may hang or kill its reader.

A flipped bit can make libhdf5 loop for ever or crash, and a small file can ask for all memory. So
the parent only opens the file; a child reads it, and answers in bounded, typed data.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fpcheck.errors import FpcheckError, NotAModelError
from fpcheck.files import NO_PLUGINS, limits
from fpcheck.files.address import is_address
from fpcheck.files.bounds import bound
from fpcheck.files.refusals import AGAIN, CUT_OFF, damaged

if TYPE_CHECKING:
    from fpcheck.files.readout import Reading

_STEP = 2**20
# Stands for the descriptor of a remote file, which the child opens itself.
NO_FILE = -1
_SLOW = "Download it, and give the path of the copy: the network may be slow."
# Frameworks, which have threads that Python does not know of.
_THREADED = {"tensorflow", "jax", "torch"}
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
    place: str
    known: frozenset[bytes] | None
    wanted: bytes = b""
    whole: bool = False


class Pending:
    """A child at work; see `start`."""

    def __init__(self, started: _Started, seconds: float, label: str) -> None:
        self._process, self._pipe = started
        self._label = label
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def reading(self) -> "Reading":
        """What was read; raises as `answer` does."""
        from fpcheck.codec import unpack
        from fpcheck.files.readout import Reading

        answer = self.answer()
        try:
            return unpack(answer, Reading)
        except ValueError:
            raise FpcheckError(f"{self._label}: {_broken(0)}", AGAIN) from None

    def answer(self) -> bytes:
        """What the job asked for: a packed `Reading`, or the text of a digest.

        Raises:
            FpcheckError: what reading raised, or how the child ended.
        """
        from fpcheck.codec import unpack
        from fpcheck.files.readout import Result

        try:
            data = _received(self._pipe, self._deadline)
        finally:
            status = self.end()
        if data is None:
            raise FpcheckError(
                f"{self._label}: reading it took longer than {self._seconds:.0f} s, so it was "
                "given up",
                _SLOW if is_address(self._label)
                else "It is damaged or made to do so: save or download it again.",
            )  # fmt: skip
        if len(data) > limits.ANSWER_BYTES:
            raise FpcheckError(
                f"{self._label}: refused: describes more than {limits.ANSWER_BYTES:,} bytes of "
                "structure",
                AGAIN,
            )
        try:
            result = unpack(data, Result)
        except ValueError:
            raise FpcheckError(f"{self._label}: {_broken(status)}", AGAIN) from None
        if not result.fact:
            return result.answer
        error = (NotAModelError if result.no_model else FpcheckError)(result.fact, result.advice)
        error.add_note(result.trace)
        raise error

    def end(self) -> int:
        """End the child if it still runs; its exit status, negative for a signal."""
        os.close(self._pipe)
        for _ in range(50):
            status = self._status(os.WNOHANG)
            if status is not None:
                return status
            time.sleep(0.001)
        number = self._process if isinstance(self._process, int) else self._process.pid
        os.kill(number, signal.SIGKILL)
        return self._status(0) or 0

    def _status(self, options: int) -> int | None:
        if not isinstance(self._process, int):
            return self._process.poll() if options else self._process.wait()
        done, status = os.waitpid(self._process, options)
        return os.waitstatus_to_exitcode(status) if done else None


def start(job: Job, size: int) -> Pending:
    """Start to read a file in a child.

    Args:
        job: what to read.
        size: of the file in bytes; larger ones may take longer, and tensors of them are mapped.
    """
    seconds = limits.SECONDS + limits.SECONDS_PER_GB * size / 1e9
    begin = _forked if may_fork() else _spawned
    started = begin(job, seconds, limits.ADDRESS_SPACE + size)
    return Pending(started, seconds, job.label)


def may_fork() -> bool:
    """Forking takes milliseconds; with other threads about, or a framework's, it is not safe.

    The one thread that does no harm is the timer of the progress display, which only waits.
    """
    others = [t for t in threading.enumerate() if t is not threading.current_thread()]
    alone = all(isinstance(thread, threading.Timer) for thread in others)
    return alone and not _THREADED & sys.modules.keys() and sys.platform in ("linux", "darwin")


def _forked(job: Job, seconds: float, space: int) -> _Started:
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
        _serve(job, writing, seconds, space)
        status = 0
    finally:
        os._exit(status)  # nothing of the parent's may run twice


def _spawned(job: Job, seconds: float, space: int) -> _Started:
    from fpcheck.codec import pack

    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, str(writing), str(seconds), str(space)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[fd for fd in (writing, job.descriptor) if fd != NO_FILE],
    )
    os.close(writing)
    assert process.stdin is not None
    process.stdin.write(pack(job))
    process.stdin.close()
    return process, reading


def main() -> None:
    """The far end of `_spawned`."""
    from fpcheck.codec import unpack

    writing, seconds, space = sys.argv[1:]
    _serve(unpack(sys.stdin.buffer.read(), Job), int(writing), float(seconds), int(space))


def _serve(job: Job, pipe: int, seconds: float, space: int) -> None:
    bound(seconds, space)
    os.environ.update(NO_PLUGINS)  # before h5py is imported
    from fpcheck.codec import pack
    from fpcheck.files.readout import Result

    try:
        result = Result(_digested(job) if job.whole else _read(job))
    except FpcheckError as error:
        no_model = isinstance(error, NotAModelError)
        result = Result(b"", error.fact, error.advice, traceback.format_exc(), no_model)
    except MemoryError:
        fact = f"{job.label}: refused: it asks for more memory than reading may take"
        result = Result(b"", fact, AGAIN)
    except Exception as error:  # the parent says what happened
        fact = f"{job.label}: reading failed: {type(error).__name__}: {error}"[:500]
        result = Result(b"", fact, "--debug shows where.", traceback.format_exc())
    with os.fdopen(pipe, "wb") as stream:
        stream.write(pack(result))


def _read(job: Job) -> bytes:
    from fpcheck.codec import pack
    from fpcheck.files.reading import read

    return pack(read(job))


def _digested(job: Job) -> bytes:
    from fpcheck.files.region import FileRegion
    from fpcheck.fingerprint import digest

    size = os.fstat(job.descriptor).st_size
    hasher = digest.plain_hasher(size)
    try:
        FileRegion(job.descriptor, 0, size).scan(0, size, hasher.update)
    except EOFError as error:
        raise damaged(job.label, CUT_OFF) from error
    return digest.text(hasher.digest()).encode()


def _received(pipe: int, deadline: float) -> bytes | None:
    """All that the child writes; None if it takes too long."""
    parts: list[bytes] = []
    size = 0
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    while size <= limits.ANSWER_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            return None
        data = os.read(pipe, _STEP)
        if not data:
            break
        parts.append(data)
        size += len(data)
    return b"".join(parts)


def _broken(status: int) -> str:
    """Why there is no answer, by the exit status."""
    if status == -getattr(signal, "SIGBUS", 0):  # its values are mapped, and are no longer there
        return CUT_OFF
    return f"damaged: the process that reads it {how_ended(status)}"


def how_ended(status: int) -> str:
    """The end of a process in words; a negative status is a signal."""
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


if __name__ == "__main__":
    main()
