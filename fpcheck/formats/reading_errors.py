"""How messages describe a child that failed to read a model file."""

from typing import TypeVar

from fpcheck.errors import FpcheckError
from fpcheck.files.address import is_address
from fpcheck.files.refusals import AGAIN, CUT_OFF
from fpcheck.processes.limited_process import LimitedProcess
from fpcheck.processes.reply import Cause, ChildError

T = TypeVar("T")
_SLOW = "Download it, and give the path of the copy: the network may be slow."
_STILL = "Check the disk or the network that the file is on, then run this again."
_SAID = {
    Cause.STALLED: (
        "reading it has stalled: the process that reads it did nothing for {}, so it was ended",
        _STILL,
    ),
    Cause.OUT_OF_TIME: (
        "reading it took more than {} of processor time, so it was ended",
        "It is damaged, or built to run forever. Save or download it again.",
    ),
    Cause.OUT_OF_MEMORY: ("refused: it asks for more memory than reading may take", AGAIN),
    Cause.TOO_LARGE: ("refused: describes more than {} of structure", AGAIN),
    Cause.UNMAPPED: (CUT_OFF, AGAIN),
    Cause.KILLED: (
        "the process that reads it {}",
        "The machine may be short of memory: close other programs, then run this again.",
    ),
    Cause.ENDED: ("damaged: the process that reads it {}", AGAIN),
    Cause.RAISED: ("reading failed: {}", "--debug shows where."),
}


def result_of_reading(process: LimitedProcess, kind: type[T], label: str) -> T:
    """What a child that reads a file returns.

    Args:
        process: the child.
        kind: the type of the result.
        label: how messages name the file.

    Raises:
        FpcheckError: the file is refused or damaged, or the child failed.
    """
    try:
        return process.result(kind)
    except ChildError as failure:
        fact, advice = _SAID[failure.cause]
        if failure.cause is Cause.STALLED and is_address(label):
            advice = _SLOW
        error = FpcheckError(f"{label}: {fact.format(failure.detail)}", advice)
        for note in getattr(failure, "__notes__", ()):
            error.add_note(note)
        raise error from None
