"""What a user names as a model: parsed, and checked as far as that needs no framework."""

import difflib
import re
from enum import StrEnum
from pathlib import Path

from fpcheck.codec import Value
from fpcheck.errors import FpcheckError
from fpcheck.model.applications import APPLICATIONS


class Kind(StrEnum):
    """What sort of source it is."""

    APPLICATION = "application"
    FILE = "file"
    CALLABLE = "callable"
    MEMORY = "memory"


class Options(Value, frozen=True):
    """How a source is to be loaded.

    Attributes:
        weights: for an application: `imagenet`, `random`, or a file.
        seed: for random weights.
        model: for a weights-only file, the source of the architecture.
        custom_objects: module whose layers and functions the file may use.
        trust: allow code stored in the file.
    """

    weights: str = "imagenet"
    seed: int = 0
    model: str | None = None
    custom_objects: str | None = None
    trust: bool = False


class Source(Value, frozen=True):
    """A parsed source.

    Attributes:
        text: as the user gave it.
        kind: what sort it is.
        target: the application's proper name, the absolute path, or `package.module:function`.
    """

    text: str
    kind: Kind
    target: str

    @property
    def name(self) -> str:
        """The name of a golden made from it."""
        if self.kind is Kind.APPLICATION:
            return self.target.lower()
        if self.kind is Kind.CALLABLE:
            return safe_name(self.target.partition(":")[2])
        return safe_name(re.sub(r"(\.weights)?\.(h5|hdf5|keras)$", "", Path(self.target).name))


def safe_name(text: str) -> str:
    """A text as the name of a golden: letters, digits, `.`, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "model"


_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
# More than the longest beginning by which a kind of file is told.
HEAD_BYTES = 1024
_PROPER = {name.lower(): name for name in APPLICATIONS}


def parse(text: str) -> Source:
    """Tell what a source is. A file of that name comes first.

    Raises:
        FpcheckError: it is neither a file, nor a function, nor an application.
    """
    path = Path(text)
    if path.exists():
        check_file(path)
        return Source(text, Kind.FILE, str(path.resolve()))
    if _CALLABLE.fullmatch(text):
        return Source(text, Kind.CALLABLE, text)
    if text.lower() in _PROPER:
        return Source(text, Kind.APPLICATION, _PROPER[text.lower()])
    if path.suffix in (".h5", ".hdf5", ".keras") or "/" in text:
        raise FpcheckError(f"{text}: no such file", "Give the path of a .keras or .h5 file.")
    near = difflib.get_close_matches(text.lower(), _PROPER, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise FpcheckError(
        f"{text}: no such file, and no such model in keras.applications",
        f"{hint}Allowed: a file, an application's name (resnet50), or package.module:function.",
    )


_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
# Files that are often found where a model should be: their first bytes, what they are, what to do.
_OTHERS = (
    (b"version https://git-lfs", "a git-lfs pointer, not the model", "Run: git lfs pull"),
    (b"outs:\n", "a DVC pointer, not the model", "Run: dvc pull"),
    (b"<!DOCTYPE", "an HTML page, not a model", "Download the file again, from its raw address."),
    (b"<html", "an HTML page, not a model", "Download the file again, from its raw address."),
    (b"\x80\x02", "a pickle (PyTorch?), not a Keras model", "Give a .keras or .h5 file."),
)


def check_file(path: Path) -> None:
    """Refuse at once what cannot be a Keras model.

    Raises:
        FpcheckError: not a regular file, empty, or a file of another kind.
    """
    if not path.is_file():
        raise FpcheckError(f"{path}: not a regular file", "Give a .keras or .h5 file.")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise FpcheckError(
            f"{path}: cannot be read ({error.strerror})", "Check its permissions."
        ) from error
    if not head:
        raise FpcheckError(f"{path}: the file is empty", "Save or download the model again.")
    if head.startswith((_ZIP, _HDF5)):
        return
    for start, what, advice in _OTHERS:
        if head.startswith(start):
            raise FpcheckError(f"{path}: {what}", advice)
    raise FpcheckError(
        f"{path}: neither a .keras archive nor HDF5", "Give a .keras, .h5 or .weights.h5 file."
    )
