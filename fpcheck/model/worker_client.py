"""The parent's side of a worker: start it, ask it, survive its end."""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from fpcheck.backends import before_import
from fpcheck.codec import Array, pack, unpack
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.files import NO_PLUGINS
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.outputs import Answer, Noise, Outputs, Reach
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.model import worker
from fpcheck.model.environment import chosen_backend
from fpcheck.model.labels import Label
from fpcheck.model.session import OutputPlan
from fpcheck.model.source import Options, Source
from fpcheck.model.worker import Reply
from fpcheck.processes.limited_process import how_ended

T = TypeVar("T")


class RemoteSession:
    """A model opened in a worker process; see `Session`.

    Args:
        settings: environment variables of the worker, beside those of this process.
    """

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        self.format = ""
        self.notes: list[str] = []
        self.backend = chosen_backend()
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._begun: worker.Open | None = None

    def _start(self) -> "subprocess.Popen[bytes]":
        """Start the process, if it does not run yet: importing the framework takes seconds."""
        if self._process is None:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", worker.__name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=self._environment(),
            )
        return self._process

    def _environment(self) -> dict[str, str]:
        chosen = {**NO_PLUGINS, "KERAS_BACKEND": self.backend}
        return {**before_import(), **os.environ, **chosen, **self._settings}

    def begin(self, source: Source, options: Options) -> None:
        """Begin to load a source that `open` will ask for, and do not wait."""
        self._use(options.backend)
        self._begun = worker.Open(source, options)
        self._send(self._begun)

    def open(self, source: Source, options: Options, architecture_only: bool = False) -> None:
        """Load a source in the worker, in place of the one that was open."""
        self._use(options.backend)
        request = worker.Open(source, options, architecture_only)
        begun, self._begun = self._begun, None
        if begun is not None and begun != request:
            self.close()  # it is busy with what nobody wants
        if begun != request:
            self._send(request)
        self.format = self._received(str)

    def _use(self, asked: str) -> None:
        """Have a process with this backend: Keras cannot change it once it is imported."""
        wanted = asked or chosen_backend()
        if wanted != self.backend:
            self.close()
        self.backend = wanted

    def structure(self) -> Structure:
        """See `Session`."""
        return self._ask(worker.AskStructure(), Structure)

    def weights(self, known: frozenset[bytes] = frozenset()) -> tuple[Measurement, ...]:
        """See `Session`."""
        return self._ask(worker.AskWeights(known), tuple[Measurement, ...])

    def digests(self) -> tuple[bytes, ...]:
        """See `Session`."""
        return self._ask(worker.AskDigests(), tuple[bytes, ...])

    def undone(self, wanted: tuple[Wanted, ...]) -> tuple[Undone | None, ...]:
        """See `Session`."""
        return self._ask(worker.AskUndone(wanted), tuple[Undone | None, ...])

    def words(self) -> tuple[str, ...]:
        """See `Session`."""
        return self._ask(worker.AskWords(), tuple[str, ...])

    def outputs(self, plan: OutputPlan) -> Outputs:
        """See `Session`."""
        return self._ask(worker.AskOutputs(plan), Outputs)

    def answers(self, plan: OutputPlan) -> tuple[Answer, ...]:
        """See `Session`."""
        return self._ask(worker.AskAnswers(plan), tuple[Answer, ...])

    def reach(self, plan: OutputPlan) -> Reach:
        """See `Session`."""
        return self._ask(worker.AskReach(plan), Reach)

    def noise(self, plan: OutputPlan) -> Noise:
        """See `Session`."""
        return self._ask(worker.AskNoise(plan), Noise)

    def predict(self, images: Array, preprocess: str) -> Array:
        """See `Session`."""
        return self._ask(worker.AskPredictions(images, preprocess), Array)

    def labels(self) -> tuple[Label, ...]:
        """See `Session`."""
        return self._ask(worker.AskLabels(), tuple[Label, ...])

    def close(self) -> None:
        """End the worker."""
        process, self._process = self._process, None
        self._begun = None
        if process is None:
            return
        process.kill()
        if process.stdin is not None:
            with suppress(OSError):  # a worker that died has left bytes unread
                process.stdin.close()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._log.close()

    def __enter__(self) -> "RemoteSession":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, request: Any, kind: type[T]) -> T:
        self._send(request)
        return self._received(kind)

    def _send(self, request: Any) -> None:
        process = self._start()
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # told when the answer is missing
            worker.send(process.stdin, pack(request))  # type: ignore[arg-type]

    def _received(self, kind: type[T]) -> T:
        process = self._start()
        assert process.stdout is not None
        try:
            data = worker.receive(process.stdout)  # type: ignore[arg-type]
        except ConnectionResetError:
            data = None
        if data is None:
            raise self._died(process)
        reply = unpack(data, Reply)
        if not reply.fact:
            return unpack(reply.result, kind)
        raised = UnavailableError if reply.unavailable else FpcheckError
        error = raised(reply.fact, reply.advice)
        error.add_note(reply.trace)
        raise error

    def _died(self, process: "subprocess.Popen[bytes]") -> UnavailableError:
        """Say how; the next question starts another process."""
        code = process.wait()
        self._log.seek(0)
        said = self._log.read()[-2000:].decode(errors="replace")
        error = UnavailableError(
            f"the process that loads the model {how_ended(code)}",
            "It may have run out of memory, or the file is damaged; --debug shows what it said.",
        )
        error.add_note(said)
        self.close()
        return error
