"""Reads listed files as a command does, in a process of its own, and tells what came of each.

That process has no threads, so that each file is read in a fork of it. What is touched in the
folder of a file while it is read is seen through inotify, which only Linux has.
"""

import ctypes
import importlib
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from attacks import ATTACKS, BENIGN, FLIPPED, TOLERATED, neighbour

LISTED = ATTACKS | BENIGN | FLIPPED | TOLERATED
# Names in `fpcheck.files.limits`, and what they are meanwhile.
Limits = Mapping[str, float]
# Reading them goes on for ever, or nearly.
ENDLESS = ("heap-without-end.weights.h5", "gzip-bomb-in-a-small-chunk")
_EVENT = struct.Struct("iIII")
_MODIFIED, _OPENED, _CREATED, _DELETED = 0x2, 0x20, 0x100, 0x200


class Outcome(NamedTuple):
    """What came of reading one file.

    Attributes:
        name: under which it is listed.
        path: where it lay.
        accepted: its content id, if it was read.
        fact: of the refusal.
        advice: of the refusal.
        no_model: whether it was taken for whole data of another kind.
        failure: any other exception.
        touched: what was opened, changed or made in its folder.
        left_open: how many descriptors were.
    """

    name: str
    path: str
    accepted: str
    fact: str
    advice: str
    no_model: bool
    failure: str
    touched: list[str]
    left_open: int


def read_all(folder: Path, *jobs: tuple[str, Limits]) -> list[Outcome]:
    """Write and read files in a folder, each with its limits."""
    done = subprocess.run(
        [sys.executable, "-m", "attacks.reading", folder],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [Outcome(*outcome) for outcome in json.loads(done.stdout)]


def outcomes(folder: Path, names: Iterable[str], seconds: float = 60.0) -> list[Outcome]:
    """The same with so many seconds for each; endless ones get one (0.6, which is told as 1)."""
    return read_all(
        folder, *((n, {"SECONDS": 0.6 if n.startswith(ENDLESS) else seconds}) for n in names)
    )


def main() -> None:
    """The far end of `read_all`."""
    importlib.import_module("fpcheck.formats.reader")  # once, and not in every fork
    folder, jobs = Path(sys.argv[1]), json.load(sys.stdin)
    print(json.dumps([_read(folder / str(n), *job) for n, job in enumerate(jobs)]))


def _read(folder: Path, name: str, limits: Limits) -> Outcome:
    from fpcheck.errors import FpcheckError, NotAModelError
    from fpcheck.model.source import Options
    from fpcheck.workflows.hash_ import hash_weights

    folder.mkdir()
    neighbour(folder)
    path = folder / name
    LISTED[name].write(path)
    accepted = fact = advice = failure = ""
    no_model = False
    before = _descriptors()
    with _watched(folder) as touched, _limited(limits):
        try:
            accepted = hash_weights(path, Options(static=True))
        except FpcheckError as error:
            fact, advice = error.fact, error.advice
            no_model = isinstance(error, NotAModelError)
        except Exception as error:  # must not happen
            failure = f"{type(error).__name__}: {error}"
    return Outcome(
        name, str(path), accepted, fact, advice, no_model, failure, touched, _descriptors() - before
    )


@contextmanager
def _limited(limits: Limits) -> Iterator[None]:
    from fpcheck.files import limits as module

    usual: dict[str, Any] = {name: getattr(module, name) for name in limits}
    vars(module).update(limits)
    yield
    vars(module).update(usual)


@contextmanager
def _watched(folder: Path) -> Iterator[list[str]]:
    """Gives a list, in which stands at the end what was touched in the folder."""
    touched: list[str] = []
    if sys.platform != "linux":
        yield touched
        return
    library = ctypes.CDLL(None)
    watch = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    what = _MODIFIED | _OPENED | _CREATED | _DELETED
    assert library.inotify_add_watch(watch, os.fsencode(folder), what) >= 0
    yield touched
    touched += sorted({*_names(watch)})
    os.close(watch)


def _names(watch: int) -> Iterator[str]:
    while True:
        try:
            events = os.read(watch, 2**16)
        except BlockingIOError:
            return
        while events:
            _, _, _, length = _EVENT.unpack_from(events)
            name = events[_EVENT.size : _EVENT.size + length].rstrip(b"\0")
            yield from [os.fsdecode(name)] if name else []
            events = events[_EVENT.size + length :]


def _descriptors() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208  # one for the listing itself, each time


if __name__ == "__main__":
    main()
