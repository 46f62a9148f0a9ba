"""Folders of goldens, and where they are looked for.

Versions are only added, and are verified whenever they are read. Only the note and the tolerances
of a stored version may change.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import digest
from fpcheck.golden import document
from fpcheck.golden.golden import Golden
from fpcheck.settings import locate
from fpcheck.wording import command

if TYPE_CHECKING:
    from fpcheck.fingerprint.fingerprint import Fingerprint

FOLDER = "fingerprints"
HOW_TO_RECORD = f"Record one first. How: {command('record', help=True)}"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Entry:
    """One stored version; its files are read when needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.parent.name
        self.version = int(path.stem)

    @property
    def label(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def head(self) -> document.Head:
        """The start of the recorded part of the YAML file, after verifying its digest."""
        return self.document()[1]

    def load(self) -> Golden:
        """The whole golden; FpcheckError if a file is missing, damaged, or of an unknown schema."""
        editable, head = self.document()
        fingerprint = self._fingerprint(head.arrays)
        if not document.describes(head, fingerprint):
            raise document.damaged(self.path, "its two files describe different models", "both")
        return Golden(
            name=head.name,
            version=head.version,
            fingerprint=fingerprint,
            note=editable.note,
            tolerances=editable.tolerances,
            provenance=head.provenance,
            source=head.source,
            path=self.path,
        )

    def _fingerprint(self, sealed: str) -> "Fingerprint":
        from fpcheck.golden import arrays  # imports h5py, which reading a head does not need

        path = self.path.with_suffix(".h5")
        data = _read(path, self.label)
        if digest.text(digest.of_bytes(data)) != sealed:
            raise document.damaged(path, f"it is not the file that {self.path.name} describes")
        try:
            return arrays.decode(data)
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            why = f"not readable ({error})"
            raise document.damaged(path, why, alternative="update fpcheck.") from error

    def document(self) -> tuple[document.Editable, document.Head]:
        """Both parts of the YAML file, after verifying its digest."""
        try:
            text = _read(self.path, self.label).decode()
        except UnicodeDecodeError as error:
            raise document.damaged(self.path, "not UTF-8 text") from error
        editable, head = document.read(text, str(self.path))
        if (head.name, head.version) != (self.name, self.version):
            raise FpcheckError(
                f"{self.path}: contains the golden {head.name}@{head.version}",
                f"Move it to {head.name}/{head.version}.yaml.",
            )
        return editable, head


def _read(path: Path, label: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FpcheckError(
            f"{path}: golden {label} cannot be read ({error.strerror})",
            "Restore it from version control (git checkout).",
        ) from error


class Store:
    """The goldens in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Names of all goldens, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(p.name for p in self.folder.iterdir() if p.is_dir() and self.versions(p.name))

    def versions(self, name: str) -> list[int]:
        """The stored versions of a golden, oldest first."""
        found = (self.folder / name).glob("*.yaml")
        return sorted(int(p.stem) for p in found if p.stem.isdecimal())

    def entry(self, name: str, version: int | None = None) -> Entry | None:
        """One version, the newest by default; None if it does not exist."""
        versions = self.versions(name) if _NAME.fullmatch(name) else []
        wanted = version if version is not None else (versions or [0])[-1]
        return Entry(self.folder / name / f"{wanted}.yaml") if wanted in versions else None

    def entries(self) -> Iterator[Entry]:
        """Every version of every golden."""
        for name in self.names():
            yield from (Entry(self.folder / name / f"{v}.yaml") for v in self.versions(name))

    def newest(self) -> Iterator[Entry]:
        """The newest version of every golden."""
        yield from (entry for name in self.names() if (entry := self.entry(name)) is not None)

    def save(self, golden: Golden) -> Entry:
        """Store a golden under its name and version.

        The YAML file is written last: without it there is no golden. No file is ever replaced.
        FpcheckError if the name is not allowed, the version exists, or a file cannot be written.
        """
        if not _NAME.fullmatch(golden.name):
            raise FpcheckError(
                f"{golden.name}: not a name for a golden",
                "Allowed: letters, digits, '.', '_' and '-', at most 128.",
            )
        from fpcheck.golden import arrays

        path = self.folder / golden.name / f"{golden.version}.yaml"
        data = arrays.encode(golden.fingerprint)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(path.parent):
                self._save(path, golden, data)
        except OSError as error:
            raise FpcheckError(
                f"{path}: cannot be stored ({error.strerror})",
                "Choose another folder with --goldens DIR.",
            ) from error
        return Entry(path)

    def edit(self, entry: Entry, editable: document.Editable) -> None:
        """Replace the note and the tolerances of a stored version that is not damaged."""
        try:
            with _locked(entry.path.parent):
                entry.document()  # a damaged file must not be changed
                text = entry.path.read_bytes().decode()
                _write(entry.path, document.edited(text, editable).encode(), os.replace)
        except OSError as error:
            raise FpcheckError(
                f"{entry.path}: cannot be written ({error.strerror})",
                "Edit its note and tolerances by hand, above the seal.",
            ) from error

    def _save(self, path: Path, golden: Golden, data: bytes) -> None:
        if path.exists():
            raise FpcheckError(
                f"{path}: this version is stored already",
                "A stored version is never rewritten: record the next one.",
            )
        # An HDF5 file without YAML file is left from an interrupted recording.
        path.with_suffix(".h5").unlink(missing_ok=True)
        # Creating a link fails if the path exists; a rename would replace the file.
        _write(path.with_suffix(".h5"), data, os.link)
        _write(path, document.write(golden, data).encode(), os.link)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Locks a folder against other recordings."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, data: bytes, put: Callable[[Path, Path], None]) -> None:
    """Writes a file completely or not at all; `put` gives the finished file its name."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        put(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def nearest_folder(start: Path) -> Path:
    """The nearest `fingerprints/` from a folder upwards; if there is none, that of the folder."""
    above = (folder / FOLDER for folder in (start, *start.parents))
    return next(filter(Path.is_dir, above), start / FOLDER)


def shipped() -> Store:
    """The goldens that come with fpcheck."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "shipped_fingerprints"
    return Store(installed if installed.is_dir() else package.parent / FOLDER)


def goldens_folder(asked: str | Path | None) -> Path:
    """The folder of goldens: as asked, as configured, or the nearest `fingerprints/`."""
    if asked is not None:
        return Path(asked)
    located = locate(Path.cwd())
    if located.settings.goldens is not None:
        return located.folder / located.settings.goldens
    return nearest_folder(Path.cwd())


def stores(asked: str | Path | None) -> list[Store]:
    """Where goldens are looked for: the user's folder, then those that come with fpcheck."""
    own, bundled = Store(goldens_folder(asked)), shipped()
    return [own] if own.folder.resolve() == bundled.folder.resolve() else [own, bundled]


def reachable(goldens: str | Path | None) -> list[Entry]:
    """Every version of every golden that `find` gives for its label."""
    found: dict[str, Entry] = {}
    for store in stores(goldens):
        for entry in store.entries():
            found.setdefault(entry.label, entry)
    return [*found.values()]


def of_name(name: str, goldens: str | Path | None, version: int | None = None) -> Entry | None:
    """The golden of a name, its newest version by default; None if there is none."""
    found = (store.entry(name, version) for store in stores(goldens))
    return next((entry for entry in found if entry is not None), None)


def find(name: str, goldens: str | Path | None = None) -> Entry:
    """The golden that `NAME[@VERSION]` or a path to its YAML names; FpcheckError if none is."""
    if name.endswith((".yaml", ".yml")):
        path = Path(name).resolve()
        if not path.is_file() or not path.stem.isdecimal():
            raise FpcheckError(
                f"{name}: no such golden", "Give fingerprints/NAME/VERSION.yaml, or NAME[@VERSION]."
            )
        return Entry(path)
    stem, _, version = name.partition("@")
    if version and not version.isdecimal():
        raise FpcheckError(f"{name}: no such golden", "A version is a number: NAME@2.")
    entry = of_name(stem, goldens, int(version) if version else None)
    if entry is not None:
        return entry
    own = stores(goldens)[0]
    known = own.names()
    there = f"Goldens: {', '.join(known[:8])}. To list all: {command('list', goldens=goldens)}"
    fact = f"{name}: no such golden in {own.folder}"
    raise FpcheckError(fact, there if known else HOW_TO_RECORD)
