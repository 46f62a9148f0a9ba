"""What a user names as a model: parsed, and checked as far as that needs no framework."""

import difflib
import re
from enum import StrEnum
from pathlib import Path

from msgspec.structs import force_setattr

from fpcheck.codec import PathText, Value
from fpcheck.errors import FpcheckError, as_text
from fpcheck.files.address import is_address, last_name, shown
from fpcheck.formats import give, stem, suffixes
from fpcheck.formats.file_head import check_kind
from fpcheck.model.applications import APPLICATIONS
from fpcheck.model.environment import check_backend


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
        static: never run a model, never import a framework.
        backend: a name of `BACKENDS`, or of another backend that Keras has; the one that Keras
            chooses if empty. For what is not run it says where the outputs are proved.

    Raises:
        FpcheckError: no such backend, or it is not installed.
    """

    weights: PathText = PathText("imagenet")
    seed: int = 0
    model: PathText | None = None
    custom_objects: str | None = None
    trust: bool = False
    static: bool = False
    backend: str = ""

    def __post_init__(self) -> None:
        check_backend(self.backend)
        force_setattr(self, "weights", PathText(self.weights))
        if self.model is not None:
            force_setattr(self, "model", PathText(self.model))


class Source(Value, frozen=True):
    """A parsed source.

    Attributes:
        text: as the user gave it, and as messages and goldens name it (`as_text`); of an address
            without what is secret in it.
        kind: what sort it is.
        target: the application's proper name, the absolute path, the whole address, or
            `package.module:function`.
    """

    text: str
    kind: Kind
    target: PathText

    def __post_init__(self) -> None:
        force_setattr(self, "text", as_text(self.text))

    @property
    def local(self) -> bool:
        """Whether it is a file on this machine."""
        return self.kind is Kind.FILE and not is_address(self.target)

    @property
    def name(self) -> str:
        """The name of a golden made from it."""
        if self.kind is Kind.APPLICATION:
            return self.target.lower()
        if self.kind is Kind.CALLABLE:
            return safe_name(self.target.partition(":")[2])
        file = Path(self.target).name if self.local else last_name(self.target)
        return safe_name(stem(file))


def safe_name(text: str) -> str:
    """A text as the name of a golden: letters, digits, `.`, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "model"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no name that a file can have
        return False


_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_PROPER = {name.lower(): name for name in APPLICATIONS}


def parse(text: str) -> Source:
    """What a source is: a file of that name, a function or an application; else FpcheckError."""
    if is_address(text):
        return Source(shown(text), Kind.FILE, PathText(text))
    path = Path(text)
    if _exists(path):
        check_kind(path, text)
        return Source(text, Kind.FILE, PathText(path.resolve()))
    if _CALLABLE.fullmatch(text):
        return Source(text, Kind.CALLABLE, PathText(text))
    if text.lower() in _PROPER:
        return Source(text, Kind.APPLICATION, PathText(_PROPER[text.lower()]))
    if _exists(path.with_name(f"{path.name}.index")):
        check_kind(path, text)  # it says what the files of this prefix are
    if text.lower().endswith(suffixes()) or "/" in text:
        raise FpcheckError(f"{shown(text)}: no such file", give())
    near = difflib.get_close_matches(text.lower(), _PROPER, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise FpcheckError(
        f"{text}: no such file, and no such model in keras.applications",
        f"{hint}Allowed: a file, an application's name (resnet50), or package.module:function.",
    )
