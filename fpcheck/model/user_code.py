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

    Args:
        what: how the message begins if the user's code raised, such as `models:build raised`. It
            goes on with the exception and its place.
        otherwise: the error, and in any case its class, if other code raised.
        tell: shortens the message of an exception.
        advice: what to do about the user's code.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        other, cause = otherwise(error), raised(error, tell)
        raise (type(other)(f"{what} {cause}", advice) if cause else other) from error


def raised(error: BaseException, tell: Callable[[BaseException], str]) -> str | None:
    """The exception, its message and its place in the user's code; None if other code raised it."""
    for cause in _chain(error):
        place = _place(cause)
        if place is not None:
            text = _message(cause)
            message = f": {tell(Exception(text))}" if text else ""
            return f"{type(cause).__name__}{message} ({place})"
    return None


def _message(error: BaseException) -> str:
    """The message of an exception: a `KeyError`'s without quotes, and only the cause of Keras's."""
    said = error.args[0] if isinstance(error, KeyError | SyntaxError) and error.args else error
    _, _, original = str(said).partition("Error encountered:")
    return original.strip() or str(said)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and its causes, since Keras raises exceptions of its own from others."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        hidden = None if following.__suppress_context__ else following.__context__
        following = following.__cause__ or hidden


def _place(error: BaseException) -> str | None:
    """File and line of the innermost frame in the user's own files, or else in installed ones."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(error.filename)}, line {error.lineno}"
    trace = traceback.walk_tb(error.__traceback__)
    frames = [(frame.f_code.co_filename, line) for frame, line in trace]
    for is_users in (_is_own, _is_installed):
        for file, line in reversed(frames):
            if is_users(file):
                return f"{_shown(file)}, line {line}"
    return None


def _is_own(file: str) -> bool:
    path, standard = Path(file), sysconfig.get_paths()
    return not (
        file.startswith("<")
        or "__autograph_generated" in file
        or path.is_relative_to(_PACKAGE)
        or {*path.parts} & {*_INSTALLED}
        or any(path.is_relative_to(standard[name]) for name in ("stdlib", "platstdlib"))
    )


def _is_installed(file: str) -> bool:
    """Whether it is in an installed package that is no backend or other library of Keras."""
    path = Path(file)
    if path.is_relative_to(_PACKAGE) or not {*path.parts} & {*_INSTALLED}:
        return False
    backends = (*BACKENDS.values(), backend_named(chosen_backend()))
    names = (*_LIBRARIES, *(name for backend in backends for name in backend.packages))
    found = (getattr(sys.modules.get(name), "__file__", None) for name in names)
    return not any(path.is_relative_to(Path(own).parent) for own in found if own)


def _shown(file: str) -> str:
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
