"""Runs one function in a process of its own, with limits: a file may hang or kill its reader.

A flipped bit can make libhdf5 loop for ever or crash, and a small file can ask for all memory. So
the parent only opens the file; a child reads it, and answers in bounded, typed data.

This module imports nothing heavy: a child can be started before the parent has imported the rest,
and then reads while the parent does so.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.files import limits

_STEP = 2**20


class Pending:
    """A child at work; see `start`."""

    def __init__(self, process: int, pipe: int, seconds: float, label: str) -> None:
        self._process = process
        self._pipe = pipe
        self._label = label
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def result(self, kind: Any) -> Any:
        """What the function gave, which is a value of type `kind`.

        Raises:
            FpcheckError: what the function raised, or how the child ended.
        """
        from fpcheck.codec import unpack
        from fpcheck.files.readout import Answer

        try:
            data = _received(self._pipe, self._deadline)
        finally:
            status = self.end()
        if data is None:
            raise FpcheckError(
                f"{self._label}: reading it took longer than {self._seconds:.0f} s, so it was "
                "given up",
                "It is damaged or made to do so: save or download it again.",
            )
        if len(data) > limits.ANSWER_BYTES:
            raise FpcheckError(
                f"{self._label}: refused: describes more than {limits.ANSWER_BYTES:,} bytes of "
                "structure",
                "Save or download it again.",
            )
        try:
            answer = unpack(data, Answer)
        except ValueError:
            raise FpcheckError(
                f"{self._label}: damaged: the process that reads it {_how(status)}",
                "Save or download it again.",
            ) from None
        if answer.fact:
            error = FpcheckError(answer.fact, answer.advice)
            error.add_note(answer.trace)
            raise error
        return unpack(answer.result, kind)

    def end(self) -> int:
        """End the child if it still runs; its exit status, negative for a signal."""
        os.close(self._pipe)
        for _ in range(50):
            done, status = os.waitpid(self._process, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.001)
        os.kill(self._process, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])


def start(function: str, arguments: dict[str, Any], label: str, size: int) -> Pending:
    """Start a function in a child.

    Args:
        function: `package.module:function`; what it gives is packed, so it must be a `Value`.
        arguments: for it, plain values; `descriptor` among them stays open in the child.
        label: how messages name the file that is read.
        size: of the file in bytes; larger ones may take longer, and are mapped.
    """
    seconds = limits.SECONDS + limits.SECONDS_PER_GB * size / 1e9
    begin = _forked if may_fork() else _spawned
    process, pipe = begin(function, arguments, seconds, limits.ADDRESS_SPACE + size)
    return Pending(process, pipe, seconds, label)


def may_fork() -> bool:
    """Forking takes milliseconds; with other threads about, or a framework's, it is not safe."""
    others = [t for t in threading.enumerate() if t is not threading.current_thread()]
    alone = all(isinstance(t, threading.Timer) for t in others) and "tensorflow" not in sys.modules
    return alone and sys.platform in ("linux", "darwin")


def _forked(
    function: str, arguments: dict[str, Any], seconds: float, space: int
) -> tuple[int, int]:
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
        _serve(function, arguments, writing, seconds, space)
        status = 0
    finally:
        os._exit(status)  # nothing of the parent's may run twice


def _spawned(
    function: str, arguments: dict[str, Any], seconds: float, space: int
) -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    known = arguments.get("known")
    plain = {**arguments, "known": None if known is None else [d.hex() for d in known]}
    started = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, function, str(writing), str(seconds), str(space)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[fd for fd in (writing, arguments["descriptor"]) if fd >= 0],
    )
    os.close(writing)
    assert started.stdin is not None
    started.stdin.write(json.dumps(plain).encode())
    started.stdin.close()
    return started.pid, reading


def main() -> None:
    """The far end of `_spawned`."""
    arguments = json.load(sys.stdin)
    known = arguments["known"]
    arguments["known"] = None if known is None else frozenset(map(bytes.fromhex, known))
    function, writing, seconds, space = sys.argv[1:]
    _serve(function, arguments, int(writing), float(seconds), int(space))


def _serve(function: str, arguments: dict[str, Any], pipe: int, seconds: float, space: int) -> None:
    _limited(seconds, space)
    # Before h5py is imported: files must not load plug-ins.
    os.environ.update(HDF5_PLUGIN_PATH="disable", HDF5_PLUGIN_PRELOAD="::")
    from fpcheck.codec import pack
    from fpcheck.files.readout import Answer

    module, _, name = function.partition(":")
    try:
        answer = Answer(pack(getattr(import_module(module), name)(**arguments)))
    except FpcheckError as error:
        answer = Answer(b"", error.fact, error.advice, traceback.format_exc())
    except MemoryError:
        answer = Answer(
            b"", "the file asks for more memory than reading may take", "Save or download it again."
        )
    except Exception as error:  # the parent says what happened
        fact = f"reading failed: {type(error).__name__}: {error}"[:500]
        answer = Answer(b"", fact, "--debug shows where.", traceback.format_exc())
    with os.fdopen(pipe, "wb") as stream:
        stream.write(pack(answer))


def _limited(seconds: float, space: int) -> None:
    """Bound what this process may take."""
    try:
        import resource
    except ImportError:  # not on Windows, where only time is bounded
        return
    cores = os.cpu_count() or 1
    for what, most in (
        (resource.RLIMIT_CPU, int(seconds * cores) + 1),
        (resource.RLIMIT_AS, _address_space() + space),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (most, hard))
        except (ValueError, OSError):  # macOS knows no limit of address space
            continue


def _address_space() -> int:
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _received(pipe: int, deadline: float) -> bytes | None:
    """All that the child writes; None if it takes too long."""
    parts: list[bytes] = []
    size = 0
    while size <= limits.ANSWER_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return None
        data = os.read(pipe, _STEP)
        if not data:
            break
        parts.append(data)
        size += len(data)
    return b"".join(parts)


def _how(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


if __name__ == "__main__":
    main()
