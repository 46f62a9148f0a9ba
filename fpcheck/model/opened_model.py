"""A model that is open: its contents, in memory or in a file, and what runs it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fpcheck.errors import UnavailableError
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.formats.model_file import ModelFile, Whole
from fpcheck.formats.reading import Reading
from fpcheck.layout.placement import placed
from fpcheck.layout.storage_gaps import completed
from fpcheck.model.questions import Contents, LiveModel


class FileContents:
    """Answers from an open file, without a framework; see `Contents`.

    Attributes:
        format: the name of its format.
        notes: what a person should know of the file.
        others: by digest, what the file contains beside the model; known once `undone` was asked.
        fingerprint: structure and weights, as read so far.
    """

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        self._place: Callable[[Fingerprint], Fingerprint] = lambda fingerprint: fingerprint
        self.others: dict[bytes, str] = {}
        self._take(file.reading(None))
        self.format = self._reading.format
        self.notes = self._reading.notes

    def place(
        self, architecture: Fingerprint, expected: Sequence[Measurement] = (), own: bool = False
    ) -> None:
        """Give weights without an architecture their places in one; see `layout.placement`."""
        weightless = self._reading.weightless
        self._place = lambda read: placed(read, architecture, expected, own, weightless)
        self._take(self._reading)

    def structure(self) -> Structure:
        """See `Contents`."""
        return self.fingerprint.structure

    def weights(self, known: frozenset[bytes] = frozenset()) -> tuple[Measurement, ...]:
        """See `Contents`."""
        self._take(self._file.reading(known))
        return self.fingerprint.weights or ()

    def digests(self) -> tuple[bytes, ...]:
        """See `Contents`."""
        return tuple(measured.digest for measured in self.fingerprint.weights or ())

    def undone(self, wanted: tuple[Wanted, ...]) -> tuple[Undone | None, ...]:
        """See `Contents`."""
        reading = self._file.look_closely(wanted)
        self.others = {digest: name for name, digest in reading.others}
        return reading.undone

    def words(self) -> tuple[str, ...]:
        """See `Contents`."""
        return self._reading.words

    def whole(self) -> Whole:
        """All bytes of the file; see `ModelFile`."""
        return self._file.whole()

    def _take(self, reading: Reading) -> None:
        self._reading = reading
        self.fingerprint = self._place(Fingerprint(reading.structure, reading.weights))


@dataclass(eq=False)
class OpenedModel:
    """An open model.

    Attributes:
        contents: answers what the model contains.
        start: gives the live model, and loads it where it is not loaded yet; None if it must not
            be run.
        format: the name of its format.
        backend: what it runs on, or would.
        file_contents: the same, where they are read from a file; else None.
        notes: what a person should know of how it was opened.
        static: whether it must not be run.
    """

    contents: Contents
    start: Callable[[], LiveModel] | None
    format: str
    backend: str
    file_contents: FileContents | None = None
    _live: LiveModel | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.notes = list(self.file_contents.notes) if self.file_contents else []
        self.static = self.start is None

    def running(self) -> LiveModel:
        """The live model, which is loaded when it is first asked for.

        Raises:
            UnavailableError: it must not be run, or cannot be loaded.
        """
        if self.start is None:
            raise UnavailableError("--static", "Leave out --static to run the model.")
        if self._live is None:
            try:
                self._live = self.start()
            except UnavailableError as error:  # what was read stays valid; only running fails
                self.notes.append(f"the model was not run. {error.advice}")
                raise
        return self._live

    def words(self) -> tuple[str, ...]:
        """Words of its vocabularies: a file need not contain them, and a running model does."""
        return self.contents.words() or (self._live.words() if self._live else ())

    def completed(self, read: Fingerprint) -> Fingerprint:
        """The fingerprint that was read, with what its file does not store from the live model."""
        if self.file_contents is None:
            return read
        live = self.running()
        weights = live.weights(frozenset(self.file_contents.digests()))
        whole = completed(self.file_contents.fingerprint, Fingerprint(live.structure(), weights))
        return Fingerprint(whole.structure) if read.weights is None else whole
