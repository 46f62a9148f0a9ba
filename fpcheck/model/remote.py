"""The parent's side of a worker: start it, ask it, survive its end."""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from fpcheck.codec import Array, pack, unpack
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.fingerprint.outputs import Answer, Outputs, Reach
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.weights import Measurement
from fpcheck.model import worker
from fpcheck.model.labels import Label
from fpcheck.model.session import OutputPlan
from fpcheck.model.source import Options, Source
from fpcheck.model.worker import Reply

T = TypeVar("T")
# Chatter of the framework; errors reach users through replies.
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "HDF5_PLUGIN_PATH": "disable", "HDF5_PLUGIN_PRELOAD": "::"}


class RemoteSession:
    """A model opened in a worker process; see `Session`.

    Args:
        settings: environment variables of the worker, beside those of this process.
    """

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        self.format = ""
        self.notes: list[str] = []
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", worker.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **_QUIET, **(settings or {})},
        )

    @property
    def alive(self) -> bool:
        """Whether the worker still runs."""
        return self._process.poll() is None

    def open(self, source: Source, options: Options, architecture_only: bool = False) -> None:
        """Load a source in the worker, in place of the one that was open."""
        request = worker.Open(source, options, architecture_only)
        self.format, *self.notes = self._ask(request, tuple[str, ...])

    def structure(self) -> Structure:
        """See `Session`."""
        return self._ask(worker.AskStructure(), Structure)

    def weights(self, known: frozenset[bytes] = frozenset()) -> tuple[Measurement, ...]:
        """See `Session`."""
        return self._ask(worker.AskWeights(known), tuple[Measurement, ...])

    def digests(self) -> tuple[bytes, ...]:
        """See `Session`."""
        return self._ask(worker.AskDigests(), tuple[bytes, ...])

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

    def predict(self, images: Array, preprocess: str) -> Array:
        """See `Session`."""
        return self._ask(worker.AskPredictions(images, preprocess), Array)

    def labels(self) -> tuple[Label, ...]:
        """See `Session`."""
        return self._ask(worker.AskLabels(), tuple[Label, ...])

    def close(self) -> None:
        """End the worker."""
        self._process.kill()
        if self._process.stdin is not None:
            with suppress(OSError):  # a worker that died has left bytes unread
                self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
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
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            worker.send(self._process.stdin, pack(request))  # type: ignore[arg-type]
            data = worker.receive(self._process.stdout)  # type: ignore[arg-type]
        except (BrokenPipeError, ConnectionResetError):
            data = None
        if data is None:
            raise self._died()
        reply = unpack(data, Reply)
        if not reply.fact:
            return unpack(reply.result, kind)
        raised = UnavailableError if reply.unavailable else FpcheckError
        error = raised(reply.fact, reply.advice)
        error.add_note(reply.trace)
        raise error

    def _died(self) -> FpcheckError:
        code = self._process.wait()
        self._log.seek(0)
        said = self._log.read()[-2000:].decode(errors="replace")
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        error = FpcheckError(
            f"the process that loads the model {how}",
            "It may have run out of memory, or the file is damaged; --debug shows what it said.",
        )
        error.add_note(said)
        return error
