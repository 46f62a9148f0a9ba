"""Opening a model file once, and reading it through that one descriptor in a child.

Imports nothing heavy, so that a command can begin to read before it has imported the rest.
"""

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fpcheck.errors import FpcheckError
from fpcheck.files import limits
from fpcheck.files.child import Pending, may_fork, start
from fpcheck.files.remote import download, is_address

if TYPE_CHECKING:
    from fpcheck.files.readout import Reading

# Stands for the descriptor of a remote file, which the child opens itself.
NO_FILE = -1
# Files that only this process and its forks have.
OURS = "memory://"
Known = frozenset[bytes] | None


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
        self._label = label
        if path.startswith(OURS) and not may_fork():
            with TemporaryDirectory(prefix="fpcheck-") as folder:
                self._descriptor = open_regular(str(download(path, Path(folder))), label)
        else:
            self._descriptor = NO_FILE if is_address(path) else open_regular(path, label)
        self._known = known
        self._pending: Pending | None = self._start(known)

    def _start(self, known: Known) -> Pending:
        remote = self._descriptor == NO_FILE
        size = limits.REMOTE_BYTES if remote else os.fstat(self._descriptor).st_size
        arguments = {
            "descriptor": self._descriptor,
            "label": self._label,
            "folder": self._path.rpartition("/")[0] if remote else str(Path(self._path).parent),
            "known": known,
        }
        return start("fpcheck.files.reading:read", arguments, self._label, size)

    def reading(self, known: Known) -> "Reading":
        """What is read of it, with details of tensors whose digests are not known."""
        from fpcheck.files.readout import Reading

        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._reading: Reading = pending.result(Reading)
        lacking = known is not None and any(
            m.details is None and m.digest not in known for m in self._reading.weights
        )
        if lacking and self._known != known:
            self._known = known
            self._reading = self._start(known).result(Reading)
        return self._reading

    def close(self) -> None:
        """Close the file; ends a child that still reads it."""
        if self._pending is not None:
            self._pending.end()
            self._pending = None
        if self._descriptor != NO_FILE:
            os.close(self._descriptor)


# Files that a command has begun to read, by path as given.
_begun: dict[str, ModelFile] = {}


def begin(path: str, known: Known = None) -> None:
    """Begin to read a file that will be asked for, where a child can be had at no cost."""
    if may_fork() and Path(path).is_file():
        _begun[str(Path(path).resolve())] = ModelFile(path, path, known)


def open_model_file(path: str, label: str, known: Known) -> ModelFile:
    """The file that a command has begun to read, or another one."""
    return _begun.pop(path, None) or ModelFile(path, label, known)


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
        raise FpcheckError(f"{label}: not a regular file", "Give a .keras or .h5 file.")
    return descriptor
