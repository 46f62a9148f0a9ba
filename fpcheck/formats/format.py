"""What a file format is: a row of facts, and a module with the code.

The facts are needed before a file is read, so they import nothing. The code imports h5py and numpy,
and is imported when it is called.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from fpcheck.files.region import Region
    from fpcheck.formats.opened import Opened
    from fpcheck.formats.raw_file import RawFile

# First bytes.
ZIP, HDF5, JSON = (b"PK\x03\x04",), (b"\x89HDF\r\n\x1a\n",), (b"{", b"[")


class Contains(StrEnum):
    """What a file of a format contains."""

    MODEL = "a whole model"
    WEIGHTS = "weights"
    ARCHITECTURE = "an architecture"


class Sibling(Protocol):
    """Opens a file in the same folder."""

    def __call__(self, name: str, /) -> "Region":
        """The bytes of the file of that name."""


class Code(Protocol):
    """The functions of a format's module."""

    def recognises(self, file: "RawFile") -> bool:
        """Whether a file that begins like this format has it. Earlier formats did not recognise it.

        Raises:
            FpcheckError: the file is damaged or refused.
        """

    def read(self, file: "RawFile", sibling: Sibling) -> "Opened":
        """The structure and the tensors of a file, without their values.

        Raises:
            FpcheckError: the file is damaged, refused or no model.
        """

    def load(self, path: Path, custom_objects: dict[str, object], safe_mode: bool) -> Any:
        """The live model; only in formats with an architecture. Raises what Keras raises.

        Args:
            path: of the file.
            custom_objects: classes and functions that are not Keras's own, by name.
            safe_mode: refuse to run code that the file contains.
        """

    def load_weights(self, path: Path, model: Any) -> None:
        """Fill a live model; only in formats with weights. Raises what Keras raises."""

    def keras_version(self, file: "RawFile") -> str | None:
        """The version of Keras that wrote the file, if the file says it.

        Only in formats with an architecture.
        """


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: as reports and goldens show it; its code is in the module of this name.
        suffixes: how the names of its files end, the usual one first.
        begins: a file of this format starts with one of these.
        contains: what it contains.
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
