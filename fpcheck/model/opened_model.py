"""A model that is open: its contents, and what runs it."""

from collections.abc import Callable

from fpcheck.errors import UnavailableError
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.layout.storage_gaps import completed
from fpcheck.model.file_contents import FileContents
from fpcheck.model.questions import Contents, LiveModel


class OpenedModel:
    """An open model.

    Args:
        contents: answers what the model contains.
        start: gives the live model, and loads it where it is not loaded yet; None if it must not
            be run.
        format: the name of its format.
        backend: what it runs on, or would.

    Attributes:
        file: the contents, where they are read from a file; else None.
        notes: what a person should know of how it was opened.
    """

    def __init__(
        self,
        contents: Contents,
        start: Callable[[], LiveModel] | None,
        format: str,
        backend: str,
        file: FileContents | None = None,
    ) -> None:
        self.contents = contents
        self.format = format
        self.backend = backend
        self.file = file
        self.notes: list[str] = list(file.notes) if file else []
        self._start = start
        self._live: LiveModel | None = None

    @property
    def static(self) -> bool:
        """Whether it must not be run."""
        return self._start is None

    def running(self) -> LiveModel:
        """The live model, which is loaded when it is first asked for.

        Raises:
            UnavailableError: it must not be run, or cannot be loaded.
        """
        if self._start is None:
            raise UnavailableError("--static", "Leave out --static to run the model.")
        if self._live is None:
            try:
                self._live = self._start()
            except UnavailableError as error:  # what was read stays valid; only running fails
                self.notes.append(f"the model was not run. {error.advice}")
                raise
        return self._live

    def words(self) -> tuple[str, ...]:
        """Words of its vocabularies: a file need not contain them, and a running model does."""
        return self.contents.words() or (self._live.words() if self._live else ())

    def completed(self, read: Fingerprint) -> Fingerprint:
        """The fingerprint that was read, with what its file does not store from the live model."""
        if self.file is None:
            return read
        live = self.running()
        weights = live.weights(frozenset(self.file.digests()))
        whole = completed(self.file.fingerprint, Fingerprint(live.structure(), weights))
        return Fingerprint(whole.structure) if read.weights is None else whole
