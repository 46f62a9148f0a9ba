"""Which golden a source is compared with, and why that one."""

from collections.abc import Iterator
from pathlib import Path

from fpcheck.codec import Value
from fpcheck.errors import FpcheckError
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import Entry, Store, nearest_folder, shipped
from fpcheck.model.source import Source
from fpcheck.settings import locate
from fpcheck.wording import command


class Choice(Value, frozen=True, eq=False):
    """A golden, and why it is the one to compare with."""

    golden: Golden
    why: str


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


def reachable(goldens: str | Path | None) -> Iterator[Entry]:
    """Every version of every golden that `find` gives for its label."""
    seen: set[str] = set()
    for store in stores(goldens):
        for entry in store.entries():
            if entry.label not in seen:
                seen.add(entry.label)
                yield entry


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
    for store in stores(goldens):
        entry = store.entry(stem, int(version) if version else None)
        if entry is not None:
            return entry
    known = [n for store in stores(goldens)[:1] for n in store.names()]
    there = f"Goldens: {', '.join(known[:8])}. To list all: {command('list', goldens=goldens)}"
    fact = f"{name}: no such golden in {goldens_folder(goldens)}"
    raise FpcheckError(fact, there if known else HOW_TO_RECORD)


def by_name(source: Source, asked: str | None, goldens: str | Path | None) -> Choice | None:
    """The golden that names decide; None where only structures do (`golden_search.matched`).

    Args:
        source: what is compared.
        asked: `--golden`, or what the configuration maps the source to.
        goldens: `--goldens`.

    Raises:
        FpcheckError: there is none of the name that is asked for.
    """
    if asked is not None:
        return Choice(find(asked, goldens).load(), "named by --golden")
    for store in stores(goldens):
        entry = store.entry(source.name)
        if entry is not None:
            return Choice(entry.load(), "the golden of the same name")
    return None
