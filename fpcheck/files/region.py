"""The bytes of a model file, local or remote: opened once, read by offset."""

import io
import mmap
import os
import threading
from collections.abc import Callable
from typing import Any, Protocol

from fpcheck.files.refusals import CUT_OFF

# How many bytes are read at a time. The memory is independent of the size of the file, and mapping
# a window takes little time compared with hashing it.
WINDOW = 8 * 2**20


class Region(Protocol):
    """A part of a file.

    Attributes:
        size: in bytes.
    """

    size: int

    def read(self, start: int, size: int) -> bytes:
        """`size` bytes; fewer only at the end."""

    def scan(self, start: int, size: int, use: Callable[[memoryview], object]) -> None:
        """Call `use` with the bytes of a range, window by window; a view is valid in the call."""

    def part(self, start: int, size: int) -> "Region":
        """A region inside this one."""


class FileRegion:
    """A range of an open local file. Reads need no lock, since each has its own offset.

    Args:
        descriptor: of a regular file that is open for reading; the caller closes it.
        start: the offset of the region.
        size: in bytes.
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
        # Mapped, since copying takes as long as hashing. If the file becomes shorter meanwhile, a
        # signal ends the process, and the parent reports it.
        offset, end = self.start + start, self.start + start + size
        while offset < end:
            before = offset % mmap.ALLOCATIONGRANULARITY
            count = min(WINDOW - before, end - offset)
            with (
                _mapped(self.descriptor, offset - before, before + count) as window,
                memoryview(window)[before:] as view,
            ):
                use(view)
            offset += count

    def part(self, start: int, size: int) -> "FileRegion":
        """See `Region`."""
        return FileRegion(self.descriptor, self.start + start, size)


def _mapped(descriptor: int, start: int, size: int) -> mmap.mmap:
    try:
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ, offset=start)
    except ValueError as error:
        raise EOFError(CUT_OFF) from error


class StreamRegion:
    """A range of a seekable stream, such as a remote file; reads take a lock."""

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
        for offset in range(start, start + size, WINDOW):
            part = self.read(offset, length := min(WINDOW, start + size - offset))
            if len(part) < length:
                raise EOFError(CUT_OFF)
            use(memoryview(part))

    def part(self, start: int, size: int) -> "StreamRegion":
        """See `Region`."""
        return StreamRegion(self.stream, self.start + start, size, self._lock)


class RegionFile(io.RawIOBase):
    """A region as a file object, for libraries that take one."""

    def __init__(self, region: Region) -> None:
        super().__init__()
        self._region = region
        self._position = 0

    def readable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._region.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """See `io.IOBase`."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`."""
        view = memoryview(buffer).cast("B")
        data = self._region.read(self._position, len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
