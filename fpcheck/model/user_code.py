"""Errors of the user's code: the exception, and the line that raised it."""

import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

from fpcheck.backends import BACKENDS, backend_named
from fpcheck.errors import FpcheckError
from fpcheck.model.environment import chosen_backend

# Like backends, these are libraries: an error in one of them belongs to the code that called it.
_LIBRARIES = ("keras", "numpy", "h5py", "optree")
_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = ("site-packages", "dist-packages")


CORRECT = "Correct the code there; --debug shows more."


def check_code(
    what: str,
    error: BaseException,
    tell: Callable[[BaseException], str],
    advice: str = CORRECT,
    kind: type[FpcheckError] = FpcheckError,
) -> None:
    """Raise an error that names the exception and its place, if the user's code raised it.

    Args:
        what: the start of the message, such as `models:build raised`.
        error: the exception that was caught.
        tell: shortens the message of an exception.
        advice: what to do.
        kind: the class to raise.
    """
    cause = raised(error, tell)
    if cause is not None:
        raise kind(f"{what} {cause}", advice) from error


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
    frames: list[tuple[str, int]] = []
    trace = error.__traceback__
    while trace is not None:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    for is_users in (_is_own, _is_installed):
        for file, line in reversed(frames):
            if is_users(file):
                return f"{_shown(file)}, line {line}"
    return None


def _is_own(file: str) -> bool:
    if file.startswith("<") or "__autograph_generated" in file:
        return False
    path = Path(file)
    if path.is_relative_to(_PACKAGE) or {*path.parts} & {*_INSTALLED}:
        return False
    paths = sysconfig.get_paths()
    return not any(path.is_relative_to(paths[name]) for name in ("stdlib", "platstdlib"))


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
