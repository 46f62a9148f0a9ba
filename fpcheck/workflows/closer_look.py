"""A closer look at a candidate that differs, while its model is still open."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from fpcheck.comparison.compare import Closer, Comparison
from fpcheck.diagnosis.case import Neighbour
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.outputs import Noise
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.golden.golden import Golden
from fpcheck.golden.lookup import reachable
from fpcheck.golden.store import Entry
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.runner import OutputPlan

# At most so many tensors are looked at: what happened to more shows in the first of them.
MOST_TENSORS = 2000


def examined(model: OpenedModel, comparison: Comparison) -> Comparison:
    """The comparison with what a closer look has shown; as it is where nothing differs."""
    if not comparison.errors:
        return comparison
    ran = comparison.candidate.outputs is not None
    closer = Closer(
        _undone(model, comparison),
        model.file.others if model.file else {},
        _live(model) if ran else None,
        _noise(model, comparison) if ran else None,
    )
    return replace(comparison, closer=closer)


def _undone(model: OpenedModel, comparison: Comparison) -> dict[tuple[str, int], Undone]:
    items = [i for i in comparison.changed if i.both is not None and not i.tensor.derived]
    items = items[:MOST_TENSORS]
    if not items and not any(error.level == "weights" for error in comparison.errors):
        return {}
    wanted = tuple(Wanted(item.candidate, item.golden, item.tensor.dtype) for item in items)
    try:
        found = zip(items, model.contents.undone(wanted), strict=True)
    except FpcheckError:  # what differs is known; how it came about then stays open
        return {}
    return {item.place: undone for item, undone in found if undone is not None}


def _live(model: OpenedModel) -> Structure | None:
    """The structure of what really runs, which may have other code than a file names."""
    try:
        return model.running().structure()
    except FpcheckError:
        return None


def _noise(model: OpenedModel, comparison: Comparison) -> Noise | None:
    golden, candidate = comparison.golden.outputs, comparison.candidate.outputs
    if golden is None or candidate is None or not comparison.only_outputs:
        return None
    try:
        return model.running().noise(OutputPlan(golden.probes, candidate.preprocess))
    except FpcheckError:  # it ran once; what it does now is no evidence
        return None


def neighbours(golden: Golden, goldens: str | Path | None) -> Iterator[Neighbour]:
    """Every other golden in reach, other versions of the same one first, newest first."""
    entries = sorted(reachable(goldens), key=lambda e: (e.name != golden.name, -e.version))
    newest = next((entry for entry in entries if entry.name == golden.name), None)
    for entry in entries:
        with suppress(FpcheckError):  # a damaged neighbour is another command's matter
            if entry.label != golden.label:
                yield _neighbour(entry, golden, newest)


def _neighbour(entry: Entry, golden: Golden, newest: Entry | None) -> Neighbour:
    head = entry.head()
    return Neighbour(
        label=entry.label,
        content_id=head.content_id,
        shape=head.shape,
        parameters=int(head.model["parameters"]),
        load=lambda: entry.load().fingerprint,
        relation=_relation(entry, golden, newest),
    )


def _relation(entry: Entry, golden: Golden, newest: Entry | None) -> str:
    if entry.name != golden.name or newest is None:
        return ""
    if entry.version == newest.version:
        return "the newest version"
    age = "an older" if entry.version < golden.version else "a newer"
    return f"{age} version; the newest is {newest.label}"
