"""The bytes of a file, and what formats recognise it by; each is read once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpcheck.files import limits
from fpcheck.files.region import Region, RegionFile, file_region

if TYPE_CHECKING:
    from fpcheck.files.archive import Archive

# Longer than the first bytes of every kind of file that fpcheck knows.
_HEAD_BYTES = 1024


@dataclass
class RawFile:
    """A file whose format is not known yet."""

    region: Region
    label: str

    @cached_property
    def head(self) -> bytes:
        """Its first bytes."""
        return self.region.read(0, _HEAD_BYTES)

    @property
    def text(self) -> bytes:
        """All bytes of a JSON file, cut off where it is longer than a JSON file may be."""
        return self.region.read(0, limits.CONFIG_BYTES + 1)

    @cached_property
    def document(self) -> Any:
        """What a JSON file contains."""
        from fpcheck.files import strict_json

        return strict_json.document(self.text, self.label)

    @cached_property
    def archive(self) -> "Archive":
        """A zip archive."""
        from fpcheck.files.archive import Archive

        return Archive(self.region, self.label)

    def has_attribute(self, name: str) -> bool:
        """Whether the root of an HDF5 file has an attribute; its value is not read."""
        from fpcheck.files.dataset import undamaged

        with undamaged(f"{self.label}: damaged HDF5 file"):
            return name in self.hdf5.attrs

    @cached_property
    def hdf5(self) -> Any:
        """An HDF5 file, open; nothing of it is checked. Raises what h5py raises."""
        import h5py

        return h5py.File(RegionFile(self.region), "r")


@contextmanager
def raw_file(path: Path, label: str) -> Iterator[RawFile]:
    """A file of this machine, open as long as this; OSError if it cannot be read."""
    with path.open("rb") as file:
        raw = RawFile(file_region(file.fileno()), label)
        raw.head = file.read(_HEAD_BYTES)  # fails for files of the system that have no size
        yield raw
