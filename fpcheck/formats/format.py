"""What a file format is: a row of facts, and a module with the code.

The facts are needed before a file is read, so they import nothing. The code imports h5py and numpy,
and is imported when it is called.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from fpcheck.files.region import Region
    from fpcheck.formats.opened import Opened
    from fpcheck.formats.raw_file import RawFile

# Gives the bytes of the file of a name in the same folder.
Sibling = Callable[[str], "Region"]
# First bytes.
ZIP, HDF5, JSON = (b"PK\x03\x04",), (b"\x89HDF\r\n\x1a\n",), (b"{", b"[")


class Contains(StrEnum):
    """What a file of a format contains."""

    MODEL = "a whole model"
    WEIGHTS = "weights"
    ARCHITECTURE = "an architecture"


class Code(Protocol):
    """The functions of a format's module; FpcheckError if a file is damaged, refused or no model.

    `load` and `keras_version` are only in formats with an architecture, `load_weights` only in
    formats with weights.
    """

    def recognises(self, file: "RawFile") -> bool:
        """Whether a file that begins like this format has it; no earlier format recognised it."""

    def read(self, file: "RawFile", sibling: Sibling) -> "Opened":
        """The structure and the tensors of a file, without their values."""

    def load(self, path: Path, custom_objects: dict[str, object], safe_mode: bool) -> Any:
        """The live model. Raises what Keras raises.

        Args:
            path: of the file, which is only read.
            custom_objects: classes and functions that are not Keras's own, by name.
            safe_mode: refuse to run code that the file contains.
        """

    def load_weights(self, path: Path, model: Any) -> None:
        """Fill a live model. Raises what Keras raises."""

    def keras_version(self, file: "RawFile") -> str | None:
        """The version of Keras that wrote the file, if the file says it."""


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: as reports and goldens show it; its code is in the module of this name.
        suffixes: how the names of its files end, the usual one first.
        begins: a file of this format starts with one of these.
        saved_by: the methods of a Keras model that write it.
        one_file: whether a model takes one file; else the file is an index, with others beside it.
    """

    name: str
    suffixes: tuple[str, ...]
    begins: tuple[bytes, ...]
    contains: Contains
    saved_by: str
    one_file: bool = True

    @property
    def code(self) -> Code:
        """Its functions."""
        return cast(Code, import_module(f"{__package__}.{self.name.replace('-', '_')}"))
