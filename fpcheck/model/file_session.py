"""A model file as a session: read without a framework; a worker runs it where that is asked."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fpcheck.codec import Array
from fpcheck.errors import UnavailableError
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.outputs import Answer, Noise, Outputs, Reach
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.formats.model_file import ModelFile, Whole
from fpcheck.formats.reading import Reading
from fpcheck.layout.placement import placed
from fpcheck.layout.storage_gaps import completed
from fpcheck.model.labels import Label
from fpcheck.model.session import OutputPlan

if TYPE_CHECKING:
    from fpcheck.model.worker_client import RemoteSession

# Gives a worker that has loaded the model.
Runner = Callable[[], "RemoteSession"]


class FileSession:
    """Answers from a file; see `Session`.

    Args:
        file: the file, open.
        runner: loads the model in a worker; None where nothing may be run.
        backend: what that worker would run it on.

    Attributes:
        told: the notes of reading the file alone.
        others: by digest, what the file holds beside the model; known once `undone` was asked for.
    """

    def __init__(self, file: ModelFile, runner: Runner | None, backend: str) -> None:
        self.backend = backend
        self._runner = runner
        self._worker: RemoteSession | None = None
        self._place: Callable[[Fingerprint], Fingerprint] = lambda fingerprint: fingerprint
        self._file = file
        reading = file.reading(None)
        self.format = reading.format
        self.notes = list(reading.notes)
        self.told = reading.notes
        self.others: dict[bytes, str] = {}
        self._take(reading)

    def place(
        self, architecture: Fingerprint, contents: Sequence[Measurement] = (), own: bool = False
    ) -> None:
        """Give weights without an architecture their places in one; see `layout.placement`."""
        self._place = partial(placed, architecture=architecture, contents=contents, own=own,
                              bare=self._reading.bare)  # fmt: skip
        self._take(self._reading)

    @property
    def static(self) -> bool:
        """Whether nothing may be run."""
        return self._runner is None

    def structure(self) -> Structure:
        """See `Session`."""
        return self._fingerprint.structure

    def weights(self, known: frozenset[bytes] = frozenset()) -> tuple[Measurement, ...]:
        """See `Session`."""
        self._take(self._file.reading(known))
        return self._fingerprint.weights or ()

    def digests(self) -> tuple[bytes, ...]:
        """See `Session`."""
        return tuple(measured.digest for measured in self._fingerprint.weights or ())

    def undone(self, wanted: tuple[Wanted, ...]) -> tuple[Undone | None, ...]:
        """See `Session`."""
        reading = self._file.closer(wanted)
        self.others = {digest: name for name, digest in reading.others}
        return reading.undone

    def whole(self) -> Whole:
        """The file by its bytes; see `ModelFile`."""
        return self._file.whole()

    def words(self) -> tuple[str, ...]:
        """See `Session`."""
        return self._reading.words or (self._worker.words() if self._worker else ())

    def outputs(self, plan: OutputPlan) -> Outputs:
        """See `Session`."""
        return self.running().outputs(plan)

    def answers(self, plan: OutputPlan) -> tuple[Answer, ...]:
        """See `Session`."""
        return self.running().answers(plan)

    def reach(self, plan: OutputPlan) -> Reach:
        """See `Session`."""
        return self.running().reach(plan)

    def noise(self, plan: OutputPlan) -> Noise:
        """See `Session`."""
        return self.running().noise(plan)

    def predict(self, images: Array, preprocess: str) -> Array:
        """See `Session`."""
        return self.running().predict(images, preprocess)

    def labels(self) -> tuple[Label, ...]:
        """See `Session`."""
        return self.running().labels()

    def running(self) -> "RemoteSession":
        """The worker that holds the model, which loads it when first asked."""
        if self._runner is None:
            raise UnavailableError("--static", "Leave out --static to run the model.")
        if self._worker is None:
            try:
                self._worker = self._runner()
            except UnavailableError as error:  # what was read holds; only running needs the advice
                self.notes.append(f"the model was not run. {error.advice}")
                raise
        return self._worker

    def completed(self) -> Fingerprint:
        """Structure and weights, with what the file does not tell taken from the live model."""
        running = self.running()
        live = Fingerprint(running.structure(), running.weights(frozenset(self.digests())))
        return completed(self._fingerprint, live)

    def _take(self, reading: Reading) -> None:
        self._reading = reading
        self._fingerprint = self._place(Fingerprint(reading.structure, reading.weights))
