"""Opening a model file once, and reading it through that one descriptor in a child.

A command can begin to read before it has imported the rest: the child then works meanwhile.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fpcheck.codec import PathText, Value
from fpcheck.errors import FpcheckError, as_text
from fpcheck.files import limits
from fpcheck.files.address import is_address
from fpcheck.formats import give
from fpcheck.processes.limited_process import NO_FILE, Job, Pending, may_fork, start

if TYPE_CHECKING:
    from fpcheck.fingerprint.undone import Wanted
    from fpcheck.formats.reading import Reading

# Files that only this process and its forks have.
OURS = "memory://"
Known = frozenset[bytes] | None


class Whole(Value, frozen=True):
    """A file by its bytes: how many, and their digest."""

    size: int
    digest: str


class ModelFile:
    """An open model file.

    Args:
        path: of a regular file, or the address of a remote one.
        label: how messages name it.
        known: digests whose tensors need no details; None if none need any.

    Raises:
        FpcheckError: it cannot be read, or is no regular file.
    """

    def __init__(self, path: str, label: str, known: Known = None) -> None:
        self._path = path
        self._label = as_text(label)
        self._known = known
        self._reading: Reading | None = None
        if path.startswith(OURS) and not may_fork():
            from fpcheck.files.remote_files import download

            with TemporaryDirectory(prefix="fpcheck-") as folder:
                self._descriptor = open_regular(str(download(path, Path(folder))), label)
        else:
            self._descriptor = NO_FILE if is_address(path) else open_regular(path, label)
        self._state = _state(self._descriptor)
        self._pending: Pending | None = None
        self._hashing: Pending | None = None

    @property
    def size(self) -> int:
        """How many bytes a local file has."""
        return os.fstat(self._descriptor).st_size

    def begin(self) -> None:
        """Begin to read, of which `reading` will tell."""
        self._pending = self._start(self._known)

    def begin_whole(self) -> None:
        """Begin to hash, of which `whole` will tell."""
        self._hashing = digesting(self._descriptor, self._label)

    def _start(self, known: Known, wanted: bytes = b"") -> Pending:
        remote = self._descriptor == NO_FILE
        size = limits.REMOTE_BYTES if remote else self.size
        place = PathText(self._path if remote else Path(self._path).parent)
        return start(Job(self._descriptor, self._label, place, known, wanted), size)

    def reading(self, known: Known) -> "Reading":
        """What is read of it, with details of tensors whose digests are not known."""
        if self._reading is None:
            pending, self._pending = self._pending or self._start(self._known), None
            self._reading = pending.reading()
        lacking = known is not None and any(
            m.details is None and m.digest not in known for m in self._reading.weights or ()
        )
        if lacking and known != self._known:
            self._known = known
            self._reading = self._start(known).reading()
        return self._reading

    def closer(self, wanted: "tuple[Wanted, ...]") -> "Reading":
        """A reading that says of tensors what was undone, and what lies beside the model."""
        from fpcheck.codec import pack  # only after a mismatch

        return self._start(None, pack(wanted)).reading()

    def whole(self) -> Whole:
        """All bytes of a local file.

        Raises:
            FpcheckError: it has changed since it was opened.
        """
        size = self.size
        pending, self._hashing = self._hashing or digesting(self._descriptor, self._label), None
        digest = pending.answer().decode()
        if _state(self._descriptor) != self._state:
            raise FpcheckError(
                f"{self._label}: was changed while it was read",
                "Run this again when nothing writes to it.",
            )
        return Whole(size, digest)

    def close(self) -> None:
        """Close the file; ends a child that still reads it."""
        for pending in (self._pending, self._hashing):
            if pending is not None:
                pending.end()
        self._pending = self._hashing = None
        if self._descriptor != NO_FILE:
            os.close(self._descriptor)
            self._descriptor = NO_FILE


@contextmanager
def begun(path: str, known: Known = None, whole: bool = False) -> Iterator[ModelFile | None]:
    """A file that is being read already, where a child can be had at no cost; else None.

    It is open as long as this.

    Args:
        path: the source as given.
        known: digests whose tensors need no details; None if none need any.
        whole: whether the digest of the file will be asked for.
    """
    if is_address(path) or not Path(path).is_file() or not may_fork():
        yield None
        return
    with closing(ModelFile(str(Path(path).resolve()), path, known)) as file:
        if whole:
            file.begin_whole()
        # Two processes that import them at the same time take longer than one before.
        for name in ("numpy", "fpcheck.formats.reading"):
            import_module(name)
        file.begin()
        yield file


def digesting(descriptor: int, label: str) -> Pending:
    """A child that takes the digest of an open file; its answer is the text of it."""
    job = Job(descriptor, label, place=PathText(), known=None, whole=True)
    return start(job, os.fstat(descriptor).st_size)


def _state(descriptor: int) -> tuple[int, int] | None:
    """What changes when a file is written to."""
    if descriptor == NO_FILE:
        return None
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns


def open_regular(path: str, label: str) -> int:
    """A descriptor of a regular file.

    Raises:
        FpcheckError: it cannot be read, or is no regular file.
    """
    try:
        # Without waiting: opening a named pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | os.O_CLOEXEC)
    except OSError as error:
        raise FpcheckError(
            f"{label}: cannot be read ({error.strerror})", "Check its path and permissions."
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FpcheckError(f"{label}: not a regular file", give())
    return descriptor
