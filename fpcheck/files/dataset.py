"""Groups and tensors of a checked HDF5 file, whose values are read later."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from fpcheck.codec import Array
from fpcheck.files import limits
from fpcheck.files.refusals import damaged, refused
from fpcheck.files.region import Region
from fpcheck.fingerprint import blocks
from fpcheck.processes.process_limits import allow_time

# What h5py raises for damaged files.
LIBRARY_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError)
# h5py reads in one thread at a time; what was read is hashed in several.
_LIBRARY = threading.Lock()


@contextmanager
def undamaged(where: str, place: str | None = None) -> Iterator[None]:
    """A context in which an error of h5py means that the file is damaged there."""
    try:
        yield
    except LIBRARY_ERRORS as error:
        raise damaged(where, str(error) if place is None else f"{place}: {error}") from error


@dataclass(frozen=True)
class Dataset:
    """A tensor in a file.

    Attributes:
        name: its path in the file.
        stored: the numpy type of its bytes.
        dtype: Keras's name of its type.
        offset: the offset of its bytes in the region, little-endian and in C order; None if they
            must be read through h5py.
        region: the bytes of the file.
    """

    name: str
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    dtype: str
    offset: int | None
    handle: Any
    region: Region
    label: str

    @property
    def nbytes(self) -> int:
        """How many bytes its values have."""
        return math.prod(self.shape) * self.stored.itemsize

    def scan(self, use: Callable[[memoryview], object]) -> None:
        """Call `use` with the bytes of the values, part by part, little-endian and in C order."""
        if self.offset is not None:
            self.region.scan(self.offset, self.nbytes, use)
            return
        little = self.stored.newbyteorder("<")
        for place in blocks.slabs(self.shape, limits.SLAB_BYTES // self.stored.itemsize):
            part = np.ascontiguousarray(self._read(place).astype(little, copy=False))
            if part.size:
                use(part.reshape(-1).view(np.uint8).data)

    @property
    def kind(self) -> np.dtype[Any]:
        """The little-endian type of its values; that of ml_dtypes if numpy has none."""
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, self.dtype, None) or self.stored.newbyteorder("<"))

    def values(self, most: int = limits.MIB) -> Array:
        """All values; refuses a tensor of more than `most` bytes."""
        if self.nbytes > most:
            raise refused(self.label, f"{self.name} is far too large for what it is")
        allow_time(self.nbytes)
        parts: list[bytes] = []
        self.scan(lambda view: parts.append(bytes(view)))
        return np.frombuffer(b"".join(parts), self.kind).reshape(self.shape)

    def _read(self, place: tuple[slice, ...]) -> Array:
        with undamaged(f"{self.label}: {self.name}: damaged"), _LIBRARY:
            return np.asarray(h5py.Dataset(self.handle)[place])


@dataclass
class Group:
    """A group: its groups and tensors by name, in the order of h5py."""

    name: str
    handle: Any
    groups: dict[str, "Group"] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)

    def find(self, path: str) -> "Group | None":
        """The group at a path below this one."""
        name, slash, rest = path.partition("/")
        group = self.groups.get(name)
        return group.find(rest) if group and slash else group

    def walk(self) -> Iterator["Group"]:
        """The group, and all groups in it."""
        stack = [self]
        while stack:
            group = stack.pop()
            yield group
            stack += group.groups.values()

    def merge(self, other: "Group") -> None:
        """Add the content of the same group in another file."""
        self.datasets |= other.datasets
        for name, group in other.groups.items():
            if self.groups.setdefault(name, group) is not group:
                self.groups[name].merge(group)
