"""Finds goldens: in the user's folder, then among those that come with fpcheck."""

from itertools import chain
from pathlib import Path

from fpcheck.errors import FpcheckError
from fpcheck.golden.store import Entry, Store, nearest_folder, shipped
from fpcheck.settings import locate
from fpcheck.wording import command

HOW_TO_RECORD = f"Record one first. How: {command('record', help=True)}"


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
    for entry in chain.from_iterable(store.entries() for store in stores(goldens)):
        found.setdefault(entry.label, entry)
    return [*found.values()]


def of_name(name: str, goldens: str | Path | None, version: int | None = None) -> Entry | None:
    """The golden of a name, its newest version by default; None if there is none."""
    found = (store.entry(name, version) for store in stores(goldens))
    return next((entry for entry in found if entry is not None), None)


def find(name: str, goldens: str | Path | None = None) -> Entry:
    """The golden that `NAME[@VERSION]` or a path to its YAML names.

    Raises:
        FpcheckError: there is none.
    """
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
