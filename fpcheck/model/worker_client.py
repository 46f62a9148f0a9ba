"""The parent's side of a worker: starts it, asks it, survives its end."""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from fpcheck.backends import before_import
from fpcheck.codec import pack, unpack
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.files import NO_PLUGINS
from fpcheck.model.environment import chosen_backend
from fpcheck.model.questions import Host, LiveModel, Question, question
from fpcheck.model.source import Options, Source
from fpcheck.processes.limited_process import how_ended
from fpcheck.processes.reply import Reply, result_of, types_of

if TYPE_CHECKING:  # only where a worker is used
    from multiprocessing.connection import Connection

# The largest replies are predictions: 4 kB for each example of a model with 1,000 classes.
REPLY_BYTES = 4 * 2**30
_PROCESS = "the process that loads the model"


class WorkerClient:
    """A worker process, in which one model at a time is open.

    It has the environment variables of this process, and of `settings`.

    Attributes:
        model: the open model: each question to it is answered by the worker.
        format: the name of its format.
        backend: what it runs on.
    """

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        methods = (name for name in dir(LiveModel) if not name.startswith("_"))
        asking = SimpleNamespace(**{name: partial(self._ask, name) for name in methods})
        self.model = cast(LiveModel, asking)
        self.format = ""
        self.backend = chosen_backend()
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection
        self._resources = ExitStack()  # all that is open while the process lives
        self._begun: Question | None = None

    def begin(self, source: Source, options: Options, architecture_only: bool = False) -> None:
        """Begin to load a source that `open` will ask for, and do not wait."""
        asked = question("open", source, options, architecture_only)
        if self._begun is not None and self._begun != asked:
            self.close()  # it is busy with what nobody wants
        self._use(options.backend)
        if self._begun is None:
            self._send(asked)
            self._begun = asked

    def open(self, source: Source, options: Options, architecture_only: bool = False) -> None:
        """Load a source in the worker, in place of the one that was open."""
        self.begin(source, options, architecture_only)
        self._begun = None
        self.format = self._received("open")

    def close(self) -> None:
        """End the worker."""
        self._process = self._begun = None
        self._resources.close()

    def __enter__(self) -> "WorkerClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _use(self, asked: str) -> None:
        """Have a process with this backend: Keras cannot change it once it is imported."""
        before, self.backend = self.backend, asked or chosen_backend()
        if self.backend != before:
            self.close()

    def _start(self) -> None:
        """Start the process, if it does not run yet: importing the framework takes seconds."""
        if self._process is None:
            from multiprocessing.connection import Pipe

            self._connection, theirs = Pipe()
            self._log = self._resources.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            self._resources.enter_context(self._connection)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "fpcheck.model.worker", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=self._log,
                    pass_fds=(theirs.fileno(),),
                    env=self._environment(),
                )
            self._resources.callback(self._process.wait)
            self._resources.callback(self._process.kill)

    def _environment(self) -> dict[str, str]:
        chosen = {**NO_PLUGINS, "KERAS_BACKEND": self.backend}
        return {**before_import(), **os.environ, **chosen, **self._settings}

    def _ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        self._send(question(method, *arguments, **named))
        return self._received(method)

    def _send(self, asked: Question) -> None:
        self._start()
        with suppress(BrokenPipeError, ConnectionResetError):  # the missing reply is reported
            self._connection.send_bytes(pack(asked))

    def _received(self, method: str) -> Any:
        try:
            data = self._connection.recv_bytes(REPLY_BYTES)
        except (EOFError, ConnectionError):
            raise self._died() from None
        except OSError:  # the connection is of no more use
            self.close()
            fact = f"{_PROCESS} gave a reply of more than {REPLY_BYTES:,} bytes"
            raise FpcheckError(fact, "Give fewer examples or probes.") from None
        return unpack(result_of(unpack(data, Reply)), types_of(getattr(Host, method))[1])

    def _died(self) -> UnavailableError:
        """How the worker ended; the next question starts another one."""
        assert self._process is not None
        fact = f"{_PROCESS} {how_ended(self._process.wait())}"
        advice = (
            "It may have run out of memory, or the file is damaged; --debug shows what it said."
        )
        error = UnavailableError(fact, advice)
        self._log.seek(0)
        error.add_note(self._log.read()[-2000:].decode(errors="replace"))
        self.close()
        return error
