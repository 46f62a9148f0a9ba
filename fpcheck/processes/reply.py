"""What a child process replies: a packed result, or the error that prevented it."""

import traceback
from collections.abc import Callable
from enum import StrEnum

from fpcheck.codec import Value
from fpcheck.errors import FpcheckError, as_text

# Characters that are kept of the message of an unexpected exception.
_MESSAGE = 500
# By name, since a reply names the class of its error.
_ERRORS = {"FpcheckError": FpcheckError} | {k.__name__: k for k in FpcheckError.__subclasses__()}


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
    """A child process gave no result.

    The detail is the exception, how the process ended, or its limit; it may be empty.
    """

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
    """The packed result, or the error of the child: of its class if it was an FpcheckError.

    ValueError if no child replies this.
    """
    if not reply.error:
        return reply.result
    kind = _ERRORS.get(reply.error)
    error = kind(reply.fact, reply.advice) if kind else ChildError(Cause(reply.error), reply.fact)
    error.add_note(reply.trace)
    raise error
