"""The user's code: how it is imported, and what a message says of what it raises."""

import importlib
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from fpcheck.backends import BACKENDS, backend_named
from fpcheck.errors import FpcheckError
from fpcheck.model.environment import chosen_backend
from fpcheck.model.refusal_reasons import reason

T = TypeVar("T")
# Like backends, these are libraries: an error in one of them belongs to the code that called it.
_LIBRARIES = ("keras", "numpy", "h5py", "optree")
_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = ("site-packages", "dist-packages")
CORRECT = "Correct the code there; --debug shows more."


def import_module(name: str) -> ModuleType:
    """A module, also from the working folder, which comes last, so that it hides none.

    A worker starts without the working folder on its path, so that it does not run a file such as
    `h5py.py` beside a downloaded model.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    return importlib.import_module(name)


def attempt(call: Callable[[], T], otherwise: T) -> T:
    """What a call returns, or `otherwise`: code of a user and of a backend may raise any class."""
    try:
        return call()
    except Exception:
        return otherwise


@contextmanager
def explained(
    what: str,
    otherwise: Callable[[BaseException], FpcheckError],
    tell: Callable[[BaseException], str] = reason,
    advice: str = CORRECT,
) -> Iterator[None]:
    """A context for code that may raise any class: that of a user, and of Keras, which calls it.

    If the user's code raised, the message is `what`, such as `models:build raised`, the exception
    and its place. `otherwise` gives the error if other code raised, and its class in any case.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        other, cause = otherwise(error), raised(error, tell)
        raise (type(other)(f"{what} {cause}", advice) if cause else other) from error


def raised(error: BaseException, tell: Callable[[BaseException], str]) -> str | None:
    """The exception, its message and its place in the user's code; None if other code raised it.

    Its causes count too, since Keras raises exceptions of its own from others.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if place := _place(cause):
            text = _message(cause)
            message = f": {tell(Exception(text))}" if text else ""
            return f"{type(cause).__name__}{message} ({place})"
        seen.add(id(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return None


def _message(error: BaseException) -> str:
    """The message of an exception: a `KeyError`'s without quotes, and only the cause of Keras's."""
    said = error.args[0] if isinstance(error, KeyError | SyntaxError) and error.args else error
    _, _, original = str(said).partition("Error encountered:")
    return original.strip() or str(said)


def _place(error: BaseException) -> str | None:
    """File and line of the innermost frame in the user's own files, or else in installed ones."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(error.filename)}, line {error.lineno}"
    trace = traceback.walk_tb(error.__traceback__)
    frames = [(frame.f_code.co_filename, line) for frame, line in trace]
    for installed in (False, True):
        for file, line in reversed(frames):
            if _is_users(file, installed):
                return f"{_shown(file)}, line {line}"
    return None


def _is_users(file: str, installed: bool) -> bool:
    """Whether it is the user's own file, or one of a package that is installed."""
    path = Path(file)
    if file.startswith("<") or "__autograph_generated" in file or path.is_relative_to(_PACKAGE):
        return False
    if installed is not bool({*path.parts} & {*_INSTALLED}):
        return False
    others = _libraries() if installed else map(sysconfig.get_path, ("stdlib", "platstdlib"))
    return not any(path.is_relative_to(folder) for folder in others)


def _libraries() -> list[Path]:
    """The folders of backends, and of other libraries of Keras."""
    backends = (*BACKENDS.values(), backend_named(chosen_backend()))
    names = (*_LIBRARIES, *(name for backend in backends for name in backend.packages))
    found = (getattr(sys.modules.get(name), "__file__", None) for name in names)
    return [Path(own).parent for own in found if own]


def _shown(file: str) -> str:
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
