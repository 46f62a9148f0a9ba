"""Opens a model file once; a child with limits reads it through that one descriptor."""

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from fpcheck.codec import PathText, Value, pack
from fpcheck.errors import FpcheckError, as_text
from fpcheck.files import NO_PLUGINS, limits
from fpcheck.files.address import is_address
from fpcheck.files.refusals import AGAIN, CUT_OFF, damaged
from fpcheck.files.region import file_region
from fpcheck.fingerprint import digest
from fpcheck.formats import give
from fpcheck.processes.limited_process import LimitedProcess, may_fork, start
from fpcheck.processes.process_limits import allow_time
from fpcheck.processes.reply import Cause, ChildError

if TYPE_CHECKING:
    from fpcheck.fingerprint.undone import Wanted
    from fpcheck.formats.reading import Reading

# The scheme of files in this process's memory; a fork has them, a new interpreter does not.
OURS = "memory://"
# Digests whose tensors need no details; None if none need any.
Known = frozenset[bytes] | None
# Stands for the descriptor of a remote file, which the child opens itself.
NO_FILE = -1
T = TypeVar("T")
_SLOW = "Download it, and give the path of the copy: the network may be slow."
# What messages say of a child that failed to read a file.
_SAID = {
    Cause.STALLED: (
        "reading it has stalled: the process that reads it did nothing for {}, so it was ended",
        "Check the disk or the network that the file is on, then run this again.",
    ),
    Cause.OUT_OF_TIME: (
        "reading it took more than {} of processor time, so it was ended",
        "It is damaged, or built to run forever. Save or download it again.",
    ),
    Cause.OUT_OF_MEMORY: ("refused: it asks for more memory than reading may take", AGAIN),
    Cause.TOO_LARGE: ("refused: describes more than {} of structure", AGAIN),
    Cause.UNMAPPED: (CUT_OFF, AGAIN),
    Cause.KILLED: (
        "the process that reads it {}",
        "The machine may be short of memory: close other programs, then run this again.",
    ),
    Cause.ENDED: ("damaged: the process that reads it {}", AGAIN),
    Cause.RAISED: ("reading failed: {}", "--debug shows where."),
}


class Whole(Value, frozen=True):
    """A file by its bytes: how many, and their digest."""

    size: int
    digest: str


class ModelFile:
    """An open model file, by the path of a regular file or the address of a remote one."""

    def __init__(self, path: str, label: str) -> None:
        self.path = path
        self._label = as_text(label)
        self._known: Known = None
        self._reading: Reading | None = None
        if path.startswith(OURS) and not may_fork():
            from fpcheck.files.remote_files import download

            with TemporaryDirectory(prefix="fpcheck-") as folder:
                self._descriptor = open_regular(str(download(path, Path(folder))), label)
        else:
            self._descriptor = NO_FILE if is_address(path) else open_regular(path, label)
        self._state = _state(self._descriptor)
        self._pending: LimitedProcess | None = None
        self._hashing: LimitedProcess | None = None

    @property
    def size(self) -> int:
        """How many bytes a local file has."""
        return os.fstat(self._descriptor).st_size

    def begin(self, known: Known) -> None:
        """Begin to read, unless that has begun; `reading` gives the result."""
        if self._pending is None and self._reading is None:
            self._known = known
            self._pending = self._start(known)

    def begin_whole(self) -> LimitedProcess:
        """Begin to hash what `whole` returns."""
        self._hashing = start(
            "fpcheck.formats.model_file:file_digest",
            (self._descriptor, self._label),
            limits.of_reading(self.size),
            (self._descriptor,),
        )
        return self._hashing

    def _start(self, known: Known, wanted: bytes = b"") -> LimitedProcess:
        remote = self._descriptor == NO_FILE
        place = PathText(self.path if remote else Path(self.path).parent)
        return start(
            "fpcheck.formats.reader:read",
            (self._descriptor, self._label, place, known, wanted),
            limits.of_reading(limits.REMOTE_BYTES if remote else self.size),
            () if remote else (self._descriptor,),
            NO_PLUGINS,
        )

    def _finish(self, process: LimitedProcess) -> "Reading":
        from fpcheck.formats.reading import Reading

        return result_of_reading(process, Reading, self._label)

    def reading(self, known: Known) -> "Reading":
        """What the file contains, with details of tensors whose digests are not known."""
        if self._reading is None:
            pending, self._pending = self._pending or self._start(self._known), None
            self._reading = self._finish(pending)
        lacking = known is not None and any(
            m.details is None and m.digest not in known for m in self._reading.weights or ()
        )
        if lacking and known != self._known:
            self._known = known
            self._reading = self._finish(self._start(known))
        return self._reading

    def look_closely(self, wanted: "tuple[Wanted, ...]") -> "Reading":
        """A reading that says what was undone in tensors, and what else the file contains."""
        return self._finish(self._start(None, pack(wanted)))

    def whole(self) -> Whole:
        """All bytes of a local file; FpcheckError if it has changed since it was opened."""
        size = self.size
        hashing, self._hashing = self._hashing or self.begin_whole(), None
        text = result_of_reading(hashing, str, self._label)
        if _state(self._descriptor) != self._state:
            raise FpcheckError(
                f"{self._label}: was changed while it was read",
                "Run this again when nothing writes to it.",
            )
        return Whole(size, text)

    def close(self) -> None:
        """Close the file, and end a child that still reads it."""
        for process in filter(None, (self._pending, self._hashing)):
            process.end()
        self._pending = self._hashing = None
        if self._descriptor != NO_FILE:
            os.close(self._descriptor)
            self._descriptor = NO_FILE


# A file that is being read before it is asked for.
_early: ModelFile | None = None


def keep_for_opening(file: ModelFile | None) -> None:
    """Keep a file that is being read already, in place of the one that was kept; see `startup`."""
    global _early
    if _early is not None:
        _early.close()
    _early = file


def open_model_file(path: str, label: str) -> ModelFile:
    """The file at an absolute path or address: the one that is kept, or a new one. Close it."""
    global _early
    if _early is not None and _early.path == path:
        file, _early = _early, None
        return file
    return ModelFile(path, label)


def result_of_reading(process: LimitedProcess, kind: type[T], label: str) -> T:
    """What a child that reads a file returns; FpcheckError also if the child failed."""
    try:
        return process.result(kind)
    except ChildError as failure:
        fact, advice = _SAID[failure.cause]
        if failure.cause is Cause.STALLED and is_address(label):
            advice = _SLOW
        error = FpcheckError(f"{label}: {fact.format(failure.detail)}", advice)
        for note in getattr(failure, "__notes__", ()):
            error.add_note(note)
        raise error from None


def file_digest(descriptor: int, label: str) -> str:
    """The BLAKE3 of an open file as text; `ModelFile` runs this in a child."""
    region = file_region(descriptor)
    allow_time(region.size)
    hasher = digest.plain_hasher(region.size)
    try:
        region.scan(0, region.size, hasher.update)
    except EOFError as error:
        raise damaged(label, CUT_OFF) from error
    return digest.text(hasher.digest())


def _state(descriptor: int) -> tuple[int, int] | None:
    """What changes when a file is written to."""
    if descriptor == NO_FILE:
        return None
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns


def open_regular(path: str, label: str) -> int:
    """A descriptor of a regular file; FpcheckError if it is none or cannot be read."""
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
