"""The bytes of a model file: opened once, read by place, wherever they lie."""

import io
import mmap
import os
import threading
from collections.abc import Callable
from typing import Any, Protocol

from fpcheck.files.refusals import CUT_OFF

# How much is read at a time: memory stays flat however large the file, and to map a window takes
# no time beside what is done with so much.
WINDOW = 8 * 2**20


class Region(Protocol):
    """A part of a file.

    Attributes:
        size: in bytes.
    """

    size: int

    def read(self, start: int, size: int) -> bytes:
        """Some bytes; fewer only at the end."""

    def scan(self, start: int, size: int, use: Callable[[memoryview], object]) -> None:
        """Hand a range to `use` in order, in windows; a view must not be kept."""

    def part(self, start: int, size: int) -> "Region":
        """A region inside this one."""


class FileRegion:
    """A range of an open local file; reads need no lock, since each names its place.

    Args:
        descriptor: of a regular file, open for reading; not closed here.
        start: where the region begins.
        size: how long it is.
    """

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        self.descriptor = descriptor
        self.start = start
        self.size = size

    def read(self, start: int, size: int) -> bytes:
        """See `Region`."""
        size = max(0, min(size, self.size - start)) if start >= 0 else 0
        parts = []
        while size:
            data = os.pread(self.descriptor, size, self.start + start)
            if not data:
                break
            parts.append(data)
            start, size = start + len(data), size - len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def scan(self, start: int, size: int, use: Callable[[memoryview], object]) -> None:
        """See `Region`."""
        # Mapped, since to copy takes as long as to hash. The file may be cut off meanwhile: that
        # ends the process by a signal, which `child` tells.
        place, end = self.start + start, self.start + start + size
        while place < end:
            before = place % mmap.ALLOCATIONGRANULARITY
            count = min(WINDOW - before, end - place)
            with (
                _mapped(self.descriptor, place - before, before + count) as window,
                memoryview(window)[before:] as view,
            ):
                use(view)
            place += count

    def part(self, start: int, size: int) -> "FileRegion":
        """See `Region`."""
        return FileRegion(self.descriptor, self.start + start, size)


def _mapped(descriptor: int, start: int, size: int) -> mmap.mmap:
    try:
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ, offset=start)
    except ValueError as error:
        raise EOFError(CUT_OFF) from error


class StreamRegion:
    """A range of a seekable stream, such as a remote file: read under a lock, in windows."""

    def __init__(self, stream: Any, start: int, size: int, lock: Any = None) -> None:
        self.stream = stream
        self.start = start
        self.size = size
        self._lock = lock or threading.Lock()

    def read(self, start: int, size: int) -> bytes:
        """See `Region`."""
        size = max(0, min(size, self.size - start)) if start >= 0 else 0
        with self._lock:
            self.stream.seek(self.start + start)
            return bytes(self.stream.read(size))

    def scan(self, start: int, size: int, use: Callable[[memoryview], object]) -> None:
        """See `Region`."""
        for place in range(start, start + size, WINDOW):
            part = self.read(place, length := min(WINDOW, start + size - place))
            if len(part) < length:
                raise EOFError(CUT_OFF)
            use(memoryview(part))

    def part(self, start: int, size: int) -> "StreamRegion":
        """See `Region`."""
        return StreamRegion(self.stream, self.start + start, size, self._lock)


class RegionFile(io.RawIOBase):
    """A region as a file object, for libraries that read one."""

    def __init__(self, region: Region) -> None:
        super().__init__()
        self._region = region
        self._place = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._region.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """As of any file."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """As of any file."""
        view = memoryview(buffer).cast("B")
        data = self._region.read(self._place, len(view))
        view[: len(data)] = data
        self._place += len(data)
        return len(data)
