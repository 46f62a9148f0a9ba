"""From two fingerprints to the report: compare, judge the levels, diagnose."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from fpcheck.codec import Value
from fpcheck.comparison.compare import CloserLook, Comparison, compare_fingerprints
from fpcheck.comparison.finding import NOT_COMPARED, Finding
from fpcheck.comparison.verdict import LevelResult, decide_verdict, judge_level
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import Entry, reachable
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.questions import OutputRequest
from fpcheck.report.report import Report
from fpcheck.report.result import CandidateRef, Diagnosis, GoldenRef
from fpcheck.wording import some
from fpcheck.workflows.plan import Choice, CompareRequest

if TYPE_CHECKING:
    from fpcheck.diagnosis.case import Neighbour

# At most so many tensors are looked at: what happened to more shows in the first of them.
MOST_TENSORS = 2000
LevelResults = dict[Level, LevelResult]


class Candidate(Value, frozen=True, eq=False):
    """What was measured of a source, before it is compared.

    Attributes:
        source: as the report names it.
        format: the name of its format.
        fingerprint: as much as the golden contains and the verdict asks for.
        if_equal: how each level ends if nothing differs: `pass` where it was measured.
        notes: what a person should know of how it was measured.
    """

    source: str
    format: str
    fingerprint: Fingerprint
    if_equal: LevelResults
    notes: tuple[str, ...] = ()


def evaluate(
    choice: Choice, candidate: Candidate, request: CompareRequest, model: OpenedModel | None = None
) -> Report:
    """Compare two fingerprints, judge each level, and diagnose what differs.

    Of the `request`, the levels and the folder of goldens matter. A `model` is the candidate, still
    open for a closer look at what differs.
    """
    golden, asked, notes = choice.golden, request.levels, candidate.notes
    comparison = compare_fingerprints(golden.fingerprint, candidate.fingerprint, golden.tolerances)
    findings, if_equal = comparison.findings, candidate.if_equal
    levels = {name: judge_level(name, end, findings, asked) for name, end in if_equal.items()}
    if comparison.rest:
        levels, notes = _of_part(comparison, levels, notes)
    differs = any(result.status == "fail" for result in levels.values())
    golden_id, candidate_id = _content_id(golden.fingerprint), _content_id(candidate.fingerprint)
    return Report(
        verdict=decide_verdict(levels, golden.fingerprint.levels, asked),
        golden=GoldenRef(golden.name, golden.version, golden_id, choice.why, golden.note),
        candidate=CandidateRef(candidate.source, candidate.format, candidate_id),
        levels=levels,
        first_divergent_layer=comparison.first_divergent_layer if differs else None,
        findings=[f for f in findings if _is_shown(f, if_equal, levels)],
        diagnoses=_diagnosed(comparison, choice, model, request.goldens) if differs else [],
        notes=[*notes],
        accuracy=None,
        first=choice.first,
    )


def _is_shown(finding: Finding, if_equal: LevelResults, judged: LevelResults) -> bool:
    """Whether its level was looked at; what was left out of it is shown too."""
    if finding.code == NOT_COMPARED:
        return if_equal[finding.level].status == "pass"
    return judged[finding.level].status != "skipped"


def _of_part(
    comparison: Comparison, levels: LevelResults, notes: Sequence[str]
) -> tuple[LevelResults, tuple[str, ...]]:
    """How levels ended for a file that contains a part of a model, and what it lacks."""
    every = [layer.path for layer in comparison.golden.structure.layers if layer.stored]
    held = [path for path in every if path not in comparison.rest]
    told = f"{len(held)} of {len(every)} layers with weights ({some(held)})"
    lacking = some(comparison.rest, 5)
    if levels["weights"].status == "pass":
        equal = LevelResult("skipped", f"a part of the model: {told}, equal to the golden's")
        levels = {**levels, "weights": equal}
    note = f"the file contains a part of the model: {told}; not compared: {lacking}"
    return levels, (*notes, note)


def compare_goldens(choice: Choice, other: Golden) -> Report:
    """The report on two goldens: no model is open."""
    golden, measured = choice.golden.fingerprint, other.fingerprint
    levels: LevelResults = {level: LevelResult("skipped", "not on both sides") for level in LEVELS}
    levels |= {level: LevelResult("pass") for level in golden.levels if level in measured.levels}
    if levels["outputs"].status == "pass" and not _same_probes(golden, measured):
        levels["outputs"] = LevelResult("skipped", "other probes or preprocessing")
        measured = replace(measured, outputs=None)
    candidate = Candidate(other.label, "golden", measured, levels)
    return evaluate(choice, candidate, CompareRequest())


def _same_probes(first: Fingerprint, second: Fingerprint) -> bool:
    expected, actual = first.outputs, second.outputs
    if expected is None or actual is None or expected.preprocess != actual.preprocess:
        return False
    if expected.probes.inputs != actual.probes.inputs:
        return False
    made = zip(expected.probes.make(), actual.probes.make(), strict=True)
    return all(np.array_equal(a, b) for a, b in made)


def _content_id(measured: Fingerprint) -> str | None:
    """The content id as users see it; None where weights were not measured."""
    return digest.text(content_id) if (content_id := measured.content_id) else None


def _diagnosed(
    comparison: Comparison, choice: Choice, model: OpenedModel | None, goldens: str | Path | None
) -> list[Diagnosis]:
    from fpcheck.diagnosis import diagnose  # a match, which is the usual case, needs no rule

    if model is not None and comparison.errors:
        comparison = replace(comparison, closer_look=_closer_look(model, comparison))
    word = "first" if choice.first else "golden"
    return diagnose(comparison, lambda: _neighbours(choice.golden, goldens), word)


def _closer_look(model: OpenedModel, comparison: Comparison) -> CloserLook:
    """What a model that differs shows while it is still open."""
    undone, structure, noise = _undone(model, comparison), None, None
    others = model.file_contents.others if model.file_contents else {}
    golden, candidate = comparison.golden.outputs, comparison.candidate.outputs
    if candidate is not None:
        with suppress(FpcheckError):  # what really runs may have other code than a file names
            structure = model.running().structure()
    if golden is not None and candidate is not None and comparison.only_outputs:
        with suppress(FpcheckError):  # it ran once; what it does now is no evidence
            noise = model.running().noise(OutputRequest(golden.probes, candidate.preprocess))
    return CloserLook(undone, others, structure, noise)


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


def _neighbours(golden: Golden, goldens: str | Path | None) -> Iterator["Neighbour"]:
    """Every other golden in reach, other versions of the same one first, newest first."""
    entries = sorted(reachable(goldens), key=lambda e: (e.name != golden.name, -e.version))
    newest = next((entry for entry in entries if entry.name == golden.name), None)
    for entry in entries:
        with suppress(FpcheckError):  # a damaged neighbour is another command's matter
            if entry.label != golden.label:
                yield _neighbour(entry, _relation(entry, golden, newest))


def _neighbour(entry: Entry, relation: str) -> "Neighbour":
    from fpcheck.diagnosis.case import Neighbour

    head = entry.head()
    return Neighbour(
        label=entry.label,
        content_id=head.content_id,
        shape=head.shape,
        parameters=int(head.model["parameters"]),
        load=lambda: entry.load().fingerprint,
        relation=relation,
    )


def _relation(entry: Entry, golden: Golden, newest: Entry | None) -> str:
    if entry.name != golden.name or newest is None:
        return ""
    if entry.version == newest.version:
        return "the newest version"
    age = "an older" if entry.version < golden.version else "a newer"
    return f"{age} version; the newest is {newest.label}"
