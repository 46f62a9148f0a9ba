"""The child process in which the framework and a stranger's model run.

It receives questions and sends replies through one connection. Its standard output is the log of
the parent, so what a model prints cannot disturb them.
"""

import os
import sys
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection

from fpcheck import startup
from fpcheck.codec import pack, unpack
from fpcheck.errors import FpcheckError
from fpcheck.loading.deep_models import allow_depth
from fpcheck.model.environment import imported_keras
from fpcheck.model.questions import Host, LiveModel, Question
from fpcheck.model.source import Options, Source
from fpcheck.model.user_code import CORRECT, raised
from fpcheck.processes.reply import call, reply_of


class Worker:
    """Holds the open model and answers questions."""

    _model: LiveModel | None = None

    def answer(self, asked: Question) -> bytes:
        """The packed result of a question."""
        target = self if asked.method == "open" else self._model
        return call(getattr(target, asked.method), asked.arguments, getattr(Host, asked.method))

    def open(self, source: Source, options: Options, architecture_only: bool) -> str:
        """See `Host`."""
        keras = imported_keras()
        from fpcheck.model.loader import load

        self._model = None
        # Frees the last model, and numbers nameless layers as a fresh process would.
        keras.utils.clear_session()
        self._model = live = load(source, options, architecture_only)
        return live.format


def _explained(error: Exception) -> FpcheckError:
    """What the parent raises where a model's code, or fpcheck's, raised an unexpected exception."""
    told = raised(error, lambda cause: str(cause)[:300])
    if told:
        return FpcheckError(f"the model's code raised {told}", CORRECT)
    fact = f"the model's process failed: {type(error).__name__}: {error}"
    return FpcheckError(fact[:500], "--debug shows where.")


if __name__ == "__main__":
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)  # a process of the model's would keep it open
    connection = Connection(descriptor)
    startup.prepare()
    allow_depth()
    worker = Worker()
    with suppress(EOFError):  # the parent has closed its end
        while True:
            asked = unpack(connection.recv_bytes(), Question)
            reply = reply_of(partial(worker.answer, asked), _explained)
            connection.send_bytes(pack(reply))
