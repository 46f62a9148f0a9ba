"""What crosses a process: a call with packed arguments, and its reply."""

import traceback
from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from typing import Any, cast, get_type_hints

from fpcheck.codec import Value, pack, unpack
from fpcheck.errors import FpcheckError, as_text

Function = Callable[..., Any]
# Characters that are kept of the message of an unexpected exception.
_MESSAGE = 500
# By name, since a reply names the class of its error.
_ERRORS = {"FpcheckError": FpcheckError} | {k.__name__: k for k in FpcheckError.__subclasses__()}


def named(name: str) -> Function:
    """The function that `package.module:function` names."""
    module, _, function = name.partition(":")
    return cast(Function, getattr(import_module(module), function))


def types_of(function: Function) -> tuple[Any, Any]:
    """The types of the arguments, as one tuple, and of the result."""
    hints = get_type_hints(function)
    result = hints.pop("return")
    return tuple.__class_getitem__(tuple(hints.values())), result


def call(function: Function, arguments: bytes, declared: Function | None = None) -> bytes:
    """The packed result of a function; `declared` has its type hints, if it has none itself."""
    kinds, _ = types_of(declared or function)
    return pack(function(*unpack(arguments, kinds)))


class Cause(StrEnum):
    """Why a child process gave no result, where the reason is no `FpcheckError`."""

    RAISED = "it raised an unexpected exception"
    OUT_OF_MEMORY = "it asked for more memory than its limit"
    OUT_OF_TIME = "it took more processor time than its limit"
    STALLED = "it did nothing for too long"
    TOO_LARGE = "its reply is larger than its limit"
    UNMAPPED = "a file that it had mapped became shorter"
    KILLED = "the system killed it"
    ENDED = "it ended"


class ChildError(Exception):
    """A child gave no result; the detail is an exception, its end, or its limit, or empty."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(cause, detail)
        self.cause = cause
        self.detail = detail


class Reply(Value, frozen=True):
    """A packed result or an error; the parent limits its size when it receives it.

    The error is the class of an `FpcheckError`, or a `Cause`; the trace is for --debug.
    """

    result: bytes = b""
    error: str = ""
    fact: str = ""
    advice: str = ""
    trace: str = ""


def unexpected(error: Exception) -> ChildError:
    """The failure that an exception stands for which is no `FpcheckError`."""
    if isinstance(error, MemoryError):
        return ChildError(Cause.OUT_OF_MEMORY)
    return ChildError(Cause.RAISED, f"{type(error).__name__}: {error}"[:_MESSAGE])


def reply_of(
    work: Callable[[], bytes],
    explain: Callable[[Exception], FpcheckError | ChildError] = unexpected,
) -> Reply:
    """The reply with the packed result of `work`, or with the error that it raises.

    `explain` turns an unexpected exception into the error that the parent raises.
    """
    try:
        return Reply(work())
    except Exception as error:  # a process boundary: the parent reports every error
        told = error if isinstance(error, FpcheckError) else explain(error)
        # A traceback takes memory, too.
        trace = "" if isinstance(error, MemoryError) else as_text(traceback.format_exc())
    if isinstance(told, FpcheckError):
        return Reply(b"", type(told).__name__, told.fact, told.advice, trace)
    return Reply(b"", told.cause, as_text(told.detail), "", trace)


def result_of(reply: Reply) -> bytes:
    """The packed result; raises the error of the child, or ValueError if no child replies this."""
    if not reply.error:
        return reply.result
    kind = _ERRORS.get(reply.error)
    error = kind(reply.fact, reply.advice) if kind else ChildError(Cause(reply.error), reply.fact)
    error.add_note(reply.trace)
    raise error
