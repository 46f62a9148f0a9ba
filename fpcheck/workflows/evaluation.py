"""From two fingerprints to the report: compare, judge the levels, diagnose."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from fpcheck.codec import Value
from fpcheck.comparison.compare import Comparison, compare_fingerprints
from fpcheck.comparison.finding import NOT_COMPARED, Finding
from fpcheck.comparison.verdict import LevelResult, decide_verdict, judge_level
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.golden.golden import Golden
from fpcheck.model.opened_model import OpenedModel
from fpcheck.report.report import Report
from fpcheck.report.result import CandidateRef, Diagnosis, GoldenRef
from fpcheck.wording import some
from fpcheck.workflows.plan import Choice
from fpcheck.workflows.request import CompareRequest

Levels = dict[Level, LevelResult]


class Candidate(Value, frozen=True, eq=False):
    """What was measured of a source, before it is compared.

    Attributes:
        named: how the report names it.
        fingerprint: as much as the golden contains and the verdict asks for.
        if_equal: how each level ends if nothing differs: `pass` where it was measured.
        notes: what a person should know of how it was measured.
    """

    named: CandidateRef
    fingerprint: Fingerprint
    if_equal: Levels
    notes: tuple[str, ...] = ()


def evaluate(
    choice: Choice,
    candidate: Candidate,
    request: CompareRequest,
    model: OpenedModel | None = None,
) -> Report:
    """Compare two fingerprints, judge each level, and diagnose what differs.

    Args:
        choice: the golden, and why that one.
        candidate: what was measured.
        request: the levels that the verdict asks for, and the folder of other goldens.
        model: the candidate, where it is still open for a closer look at what differs.
    """
    golden, asked, notes = choice.golden, request.levels, candidate.notes
    comparison = compare_fingerprints(golden.fingerprint, candidate.fingerprint, golden.tolerances)
    findings, if_equal = comparison.findings, candidate.if_equal
    levels = {name: judge_level(name, end, findings, asked) for name, end in if_equal.items()}
    if comparison.rest:
        levels, notes = _of_part(comparison, levels, notes)
    differs = any(result.status == "fail" for result in levels.values())
    own = _content_id(golden.fingerprint)
    return Report(
        verdict=decide_verdict(levels, golden.fingerprint.levels, asked),
        golden=GoldenRef(golden.name, golden.version, own, choice.why, golden.note),
        candidate=candidate.named,
        levels=levels,
        first_divergent_layer=comparison.first_divergent_layer if differs else None,
        findings=[f for f in findings if _is_shown(f, if_equal, levels)],
        diagnoses=_diagnosed(comparison, golden, model, request.goldens) if differs else [],
        notes=[*notes],
        accuracy=None,
        first=golden.first,
    )


def _is_shown(finding: Finding, if_equal: Levels, judged: Levels) -> bool:
    """Whether its level was looked at; what was left out of it is shown too."""
    if finding.code == NOT_COMPARED:
        return if_equal[finding.level].status == "pass"
    return judged[finding.level].status != "skipped"


def _of_part(
    comparison: Comparison, levels: Levels, notes: Sequence[str]
) -> tuple[Levels, tuple[str, ...]]:
    """How levels ended for a file that contains a part of a model, and what it lacks."""
    layers = comparison.golden.structure.layers
    every = [la.path for la in layers if any(not t.derived for t in la.tensors)]
    held = [path for path in every if path not in comparison.rest]
    told = f"{len(held)} of {len(every)} layers with weights ({some(held)})"
    note = (
        f"the file contains a part of the model: {told}; not compared: {some(comparison.rest, 5)}"
    )
    if levels["weights"].status == "pass":
        equal = LevelResult("skipped", f"a part of the model: {told}, equal to the golden's")
        levels = {**levels, "weights": equal}
    return levels, (*notes, note)


def _diagnosed(
    comparison: Comparison, golden: Golden, model: OpenedModel | None, goldens: str | Path | None
) -> list[Diagnosis]:
    # A match, which is the usual case, needs no rule.
    from fpcheck.diagnosis import diagnose
    from fpcheck.workflows.closer_look import examined, neighbours

    if model is not None:
        comparison = examined(model, comparison)
    word = "first" if golden.first else "golden"
    return diagnose(comparison, lambda: neighbours(golden, goldens), word)


def compare_goldens(choice: Choice, other: Golden) -> Report:
    """The report on two goldens: no model is open."""
    golden, measured = choice.golden.fingerprint, other.fingerprint
    levels: Levels = {}
    for level in LEVELS:
        both = level in golden.levels and level in measured.levels
        levels[level] = LevelResult("pass") if both else LevelResult("skipped", "not on both sides")
    if levels["outputs"].status == "pass" and not _same_probes(golden, measured):
        levels["outputs"] = LevelResult("skipped", "other probes or preprocessing")
        measured = msgspec.structs.replace(measured, outputs=None)
    named = reference(other.label, "golden", measured)
    return evaluate(choice, Candidate(named, measured, levels), CompareRequest())


def _same_probes(first: Fingerprint, second: Fingerprint) -> bool:
    ours, theirs = first.outputs, second.outputs
    if ours is None or theirs is None or ours.preprocess != theirs.preprocess:
        return False
    if ours.probes.inputs != theirs.probes.inputs:
        return False
    made = zip(ours.probes.make(), theirs.probes.make(), strict=True)
    return all(np.array_equal(a, b) for a, b in made)


def reference(source: str, container: str, measured: Fingerprint) -> CandidateRef:
    """How a report names what is compared with the golden."""
    return CandidateRef(source, container, _content_id(measured))


def _content_id(measured: Fingerprint) -> str | None:
    """The content id as users see it; None where weights were not measured."""
    return digest.text(own) if (own := measured.content_id) else None
