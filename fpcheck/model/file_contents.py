"""The contents of a model file, read without a framework."""

from collections.abc import Callable, Sequence
from functools import partial

from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.formats.model_file import ModelFile, Whole
from fpcheck.formats.reading import Reading
from fpcheck.layout.placement import placed


class FileContents:
    """Answers from a file; see `Contents`.

    Args:
        file: the file, open.

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
        self, architecture: Fingerprint, contents: Sequence[Measurement] = (), own: bool = False
    ) -> None:
        """Give weights without an architecture their places in one; see `layout.placement`."""
        self._place = partial(
            placed,
            architecture=architecture,
            contents=contents,
            own=own,
            bare=self._reading.weightless,
        )
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
        reading = self._file.closer(wanted)
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
