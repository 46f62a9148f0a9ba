"""Whole processes, timed against each other. The only place that runs and times commands."""

import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# TensorFlow's chatter is left out of error messages, and off the clock, for both sides. Modules are
# compiled once, as where a package was installed, even if this machine is set to do it each time.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": ""}
SHOWN_CHARACTERS = 4000
# getrusage counts in KiB, but in bytes on macOS.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class CommandFailedError(Exception):
    """A command ended with another status than 0; the text names it and what it said."""


@dataclass(frozen=True)
class Command:
    """What is run.

    Attributes:
        argv: program and arguments.
        before: done before each run, off the clock.
    """

    argv: Sequence[str]
    before: Callable[[], None] | None = None


@dataclass(frozen=True)
class Run:
    """What a process took, or the median of several.

    Attributes:
        seconds: from before its start until its end is known.
        peak: bytes of memory held at most: of the largest process among it and its children.
    """

    seconds: float
    peak: float


def run(command: Command, folder: Path) -> Run:
    """Run a command once in a folder.

    Raises:
        CommandFailedError: its exit status is not 0.
    """
    if command.before is not None:
        command.before()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=folder,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        # Of all ways to wait only this one tells the memory of the process and of its children.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said = {}
            for name, stream in (("stderr", err), ("stdout", out)):
                stream.seek(0)
                said[name] = stream.read().decode(errors="replace")
            raise CommandFailedError(_failure(command, process.returncode, said))
    return Run(seconds, usage.ru_maxrss * RSS_UNIT)


def interleaved(commands: Sequence[Command], repeat: int, folder: Path) -> list[Run]:
    """The medians of each command, run in turn: once to warm caches, then `repeat` times."""
    for command in commands:
        run(command, folder)
    rounds = [[run(command, folder) for command in commands] for _ in range(repeat)]
    return [
        Run(statistics.median(r.seconds for r in runs), statistics.median(r.peak for r in runs))
        for runs in zip(*rounds, strict=True)
    ]


def _failure(command: Command, status: int, said: dict[str, str]) -> str:
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    lines = [f"this command {how}:", f"  {shlex.join(command.argv)}"]
    for name, text in said.items():
        if text.strip():
            lines += [f"its {name}:", text.strip()[-SHOWN_CHARACTERS:]]
    return "\n".join(lines)
