"""The bytes of a model file, local or remote: opened once, read by offset."""

import io
import mmap
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from fpcheck.files.refusals import CUT_OFF

# How many bytes are read at a time. The memory is independent of the size of the file, and mapping
# a window takes little time compared with hashing it.
WINDOW = 8 * 2**20
Use = Callable[[memoryview], object]


@dataclass(eq=False)
class Region(ABC):
    """A range of an open file, which the caller closes: `size` bytes from the offset `start`."""

    source: Any
    start: int
    size: int

    def read(self, start: int, size: int) -> bytes:
        """`size` bytes; fewer only at the end."""
        size = max(0, min(size, self.size - start)) if start >= 0 else 0
        return self._read(self.start + start, size)

    @abstractmethod
    def _read(self, start: int, size: int) -> bytes:
        """Bytes of the file."""

    @abstractmethod
    def scan(self, start: int, size: int, use: Use) -> None:
        """Call `use` with the bytes of a range, window by window; a view is valid in the call."""

    def part(self, start: int, size: int) -> Self:
        """A region inside this one."""
        return replace(self, start=self.start + start, size=size)


class FileRegion(Region):
    """A range of a local file, by its descriptor. Reads need no lock: each has its own offset."""

    def _read(self, start: int, size: int) -> bytes:
        parts = []
        while size and (data := os.pread(self.source, size, start)):
            parts.append(data)
            start, size = start + len(data), size - len(data)
        return b"".join(parts)

    def scan(self, start: int, size: int, use: Use) -> None:
        """See `Region`."""
        # Mapped, since copying takes as long as hashing. If the file becomes shorter meanwhile, a
        # signal ends the process, and the parent reports it.
        offset, end = self.start + start, self.start + start + size
        while offset < end:
            before = offset % mmap.ALLOCATIONGRANULARITY
            count = min(WINDOW - before, end - offset)
            with (
                _mapped(self.source, offset - before, before + count) as window,
                memoryview(window)[before:] as view,
            ):
                use(view)
            offset += count


def file_region(descriptor: int) -> FileRegion:
    """All bytes of a regular file that is open for reading."""
    return FileRegion(descriptor, 0, os.fstat(descriptor).st_size)


def _mapped(descriptor: int, start: int, size: int) -> mmap.mmap:
    try:
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ, offset=start)
    except ValueError as error:
        raise EOFError(CUT_OFF) from error


@dataclass(eq=False)
class StreamRegion(Region):
    """A range of a seekable stream, such as a remote file; its parts share a lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)

    def _read(self, start: int, size: int) -> bytes:
        with self.lock:
            self.source.seek(start)
            return bytes(self.source.read(size))

    def scan(self, start: int, size: int, use: Use) -> None:
        """See `Region`."""
        for offset in range(start, start + size, WINDOW):
            part = self.read(offset, length := min(WINDOW, start + size - offset))
            if len(part) < length:
                raise EOFError(CUT_OFF)
            use(memoryview(part))


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

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`."""
        view = memoryview(buffer).cast("B")
        data = self._region.read(self._position, len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
