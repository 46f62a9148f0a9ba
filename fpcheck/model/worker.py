"""The child process in which the framework and a stranger's model run.

It reads requests from its standard input and writes replies to the file that was its standard
output. Whatever a model prints goes to standard error instead, so that it cannot disturb them.
"""

import os
import struct
import sys
import traceback
from typing import Any, BinaryIO

from fpcheck.codec import Array, Value, pack, unpack
from fpcheck.errors import FpcheckError, UnavailableError, as_text
from fpcheck.fingerprint.undone import Wanted
from fpcheck.loading.deep_models import allow_depth
from fpcheck.model.session import OutputPlan
from fpcheck.model.source import Options, Source
from fpcheck.model.user_code import CORRECT, raised

_LENGTH = struct.Struct("<Q")


class Open(Value, frozen=True, tag=True):
    """Load a source in place of the one that was open; the reply is its format."""

    source: Source
    options: Options
    architecture_only: bool = False


class AskStructure(Value, frozen=True, tag=True):
    """The reply is a `Structure`."""


class AskWeights(Value, frozen=True, tag=True):
    """The reply is a tuple of `Measurement`."""

    known: frozenset[bytes] = frozenset()


class AskDigests(Value, frozen=True, tag=True):
    """The reply is a tuple of digests."""


class AskUndone(Value, frozen=True, tag=True, eq=False):
    """The reply is a tuple of `Undone`, or None, for each."""

    wanted: tuple[Wanted, ...]


class AskWords(Value, frozen=True, tag=True):
    """The reply is a tuple of words."""


class AskOutputs(Value, frozen=True, tag=True, eq=False):
    """The reply is `Outputs`."""

    plan: OutputPlan


class AskAnswers(Value, frozen=True, tag=True, eq=False):
    """The reply is a tuple of `Answer`."""

    plan: OutputPlan


class AskNoise(Value, frozen=True, tag=True, eq=False):
    """The reply is `Noise`."""

    plan: OutputPlan


class AskReach(Value, frozen=True, tag=True, eq=False):
    """The reply is `Reach`."""

    plan: OutputPlan


class AskPredictions(Value, frozen=True, tag=True, eq=False):
    """The reply is `Predictions`."""

    images: Array
    preprocess: str


class AskLabels(Value, frozen=True, tag=True):
    """The reply is a tuple of `Label`."""


Request = (
    Open
    | AskStructure
    | AskWeights
    | AskDigests
    | AskUndone
    | AskWords
    | AskOutputs
    | AskAnswers
    | AskNoise
    | AskReach
    | AskPredictions
    | AskLabels
)


class Reply(Value, frozen=True):
    """What a worker answers: a packed result, or a fact and an advice.

    Attributes:
        result: the packed result; empty after an error.
        fact: what is wrong; empty otherwise.
        advice: what to do about it.
        unavailable: the level cannot be had, but comparing can go on.
        trace: where it happened, for --debug.
    """

    result: bytes = b""
    fact: str = ""
    advice: str = ""
    unavailable: bool = False
    trace: str = ""


def send(stream: BinaryIO, data: bytes) -> None:
    """Write one message: its length, then its bytes."""
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """Read one message; None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    size = _LENGTH.unpack(head)[0]
    data = stream.read(size)
    return data if len(data) == size else None


class Worker:
    """Holds the open model and answers requests."""

    def __init__(self) -> None:
        self.session: Any = None

    def answer(self, request: Request) -> Any:
        """The result of one request."""
        match request:
            case Open():
                return self._open(request)
            case AskStructure():
                return self.session.structure()
            case AskWeights(known):
                return self.session.weights(known)
            case AskDigests():
                return self.session.digests()
            case AskUndone(wanted):
                return self.session.undone(wanted)
            case AskWords():
                return self.session.words()
            case AskOutputs(plan):
                return self.session.outputs(plan)
            case AskAnswers(plan):
                return self.session.answers(plan)
            case AskNoise(plan):
                return self.session.noise(plan)
            case AskReach(plan):
                return self.session.reach(plan)
            case AskPredictions(images, preprocess):
                return self.session.predict(images, preprocess)
            case AskLabels():
                return self.session.labels()

    def _open(self, request: Open) -> str:
        keras = _framework()
        from fpcheck.model import loader
        from fpcheck.model.keras_session import KerasSession

        self.session = None
        # Frees the last model, and numbers nameless layers as a fresh process would.
        keras.utils.clear_session()
        if request.architecture_only:
            loaded = loader.Loaded(loader.architecture(request.source), "application")
        else:
            loaded = loader.load(request.source, request.options)
        self.session = KerasSession(loaded.model, loaded.format, disposable=True)
        return loaded.format


# What must be installed to run a model, as modules are named, and as people name it.
_FRAMEWORKS = {"keras": "Keras", "tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def _framework() -> Any:
    try:
        import keras
    except ModuleNotFoundError as error:
        missing = _FRAMEWORKS.get((error.name or "").partition(".")[0])
        if missing is None:
            raise
        raise UnavailableError(
            f"{missing} is not installed, and the model must be run",
            "Install it: pip install tensorflow. Or do not run the model: --static.",
        ) from error
    return keras


def reply_to(worker: Worker, request: Request) -> Reply:
    """Answer a request; every error becomes a reply."""
    try:
        return Reply(pack(worker.answer(request)))
    except FpcheckError as error:
        unavailable = isinstance(error, UnavailableError)
        return Reply(b"", error.fact, error.advice, unavailable, as_text(traceback.format_exc()))
    except Exception as error:  # a worker must answer; the parent says what happened
        told = raised(error, lambda cause: str(cause)[:300])
        fact = f"the model's code raised {told}" if told else (
            f"the model's process failed: {type(error).__name__}: {error}"[:500]
        )  # fmt: skip
        advice = CORRECT if told else "--debug shows where."
        return Reply(b"", as_text(fact), advice, False, as_text(traceback.format_exc()))


def main() -> None:
    """Serve until standard input ends."""
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    allow_depth()
    worker = Worker()
    while (data := receive(requests)) is not None:
        send(replies, pack(reply_to(worker, unpack(data, Request))))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
