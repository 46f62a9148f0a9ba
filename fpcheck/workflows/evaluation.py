"""Judging fingerprints that are at hand: compare, judge the levels, diagnose."""

from pathlib import Path

import msgspec
import numpy as np

from fpcheck.comparison.compare import Comparison, compare_fingerprints
from fpcheck.comparison.finding import NOT_COMPARED, Finding
from fpcheck.comparison.verdict import LevelResult, decide_verdict, judge_level
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.golden.golden import Golden
from fpcheck.model.session import Session
from fpcheck.report.report import CandidateRef, Diagnosis, GoldenRef, Report


def reference(golden: Golden) -> CandidateRef:
    """A golden as the candidate's side of a comparison."""
    return CandidateRef(golden.label, "golden", content_id_text(golden.fingerprint))


def content_id_text(fingerprint: Fingerprint) -> str | None:
    """The content id as users see it; None where weights were not taken."""
    own = fingerprint.content_id
    return digest.text(own) if own else None


def report_on(
    golden: Golden,
    candidate: Fingerprint,
    levels: dict[Level, LevelResult],
    *,
    asked: tuple[str, ...] | None,
    why: str,
    named: CandidateRef,
    notes: list[str],
    session: Session | None = None,
    goldens: str | Path | None = None,
) -> Report:
    """Compare two fingerprints, judge and diagnose.

    Args:
        golden: the reference.
        candidate: what was measured.
        levels: how each level stands before findings are known.
        asked: the levels that the verdict asks for.
        why: why this golden.
        named: how the report names the candidate.
        notes: what else to say.
        session: the candidate, where it is still open for a closer look at what differs.
        goldens: the folder of goldens, one of which the candidate may be.
    """
    comparison = compare_fingerprints(golden.fingerprint, candidate, golden.tolerances)
    finished = {
        name: judge_level(name, stands, comparison.findings, asked)
        for name, stands in levels.items()
    }
    if comparison.rest:
        finished, notes = _of_part(comparison, finished, notes)
    findings = [f for f in comparison.findings if _is_shown(f, levels, finished)]
    differs = any(result.status == "fail" for result in finished.values())
    return Report(
        verdict=decide_verdict(finished, golden.fingerprint.levels, asked),
        golden=GoldenRef(
            golden.name, golden.version, content_id_text(golden.fingerprint), why, golden.note
        ),
        candidate=named,
        levels=finished,
        first_divergent_layer=comparison.first_divergent_layer if differs else None,
        findings=findings,
        diagnoses=_diagnosed(comparison, golden, session, goldens) if differs else [],
        notes=notes,
        accuracy=None,
        first=golden.first,
    )


def _is_shown(
    finding: Finding, stood: dict[Level, LevelResult], finished: dict[Level, LevelResult]
) -> bool:
    """Whether its level was looked at; what was left out of it is shown too."""
    if finding.code == NOT_COMPARED:
        return stood[finding.level].status == "pass"
    return finished[finding.level].status != "skipped"


def _of_part(
    comparison: Comparison, levels: dict[Level, LevelResult], notes: list[str]
) -> tuple[dict[Level, LevelResult], list[str]]:
    """How levels ended for a file that holds a part of a model, and what it does not hold."""
    from fpcheck.diagnosis.evidence import some

    layers = comparison.golden.structure.layers
    every = [la.path for la in layers if any(not t.derived for t in la.tensors)]
    held = [path for path in every if path not in comparison.rest]
    told = f"{len(held)} of {len(every)} layers with weights ({some(held)})"
    note = f"the file holds a part of the model: {told}; not compared: {some(comparison.rest, 5)}"
    if levels["weights"].status == "pass":
        equal = LevelResult("skipped", f"a part of the model: {told}, equal to the golden's")
        levels = {**levels, "weights": equal}
    return levels, [*notes, note]


def _diagnosed(
    comparison: Comparison, golden: Golden, session: Session | None, goldens: str | Path | None
) -> list[Diagnosis]:
    # A match, which is the usual case, needs no rule.
    from fpcheck.diagnosis import diagnose
    from fpcheck.workflows.closer_look import examined, neighbours

    if session is not None:
        comparison = examined(session, comparison)
    word = "first" if golden.first else "golden"
    return diagnose(comparison, lambda: neighbours(golden, goldens), word)


def compare_goldens(golden: Golden, other: Fingerprint, named: CandidateRef, why: str) -> Report:
    """The report on two fingerprints that are both at hand; the golden is the reference."""
    levels: dict[Level, LevelResult] = {}
    for level in LEVELS:
        both = level in golden.fingerprint.levels and level in other.levels
        levels[level] = LevelResult("pass") if both else LevelResult("skipped", _ONE_SIDE)
    if levels["outputs"].status == "pass" and not _same_probes(golden.fingerprint, other):
        levels["outputs"] = LevelResult("skipped", "other probes or preprocessing")
        other = msgspec.structs.replace(other, outputs=None)
    return report_on(golden, other, levels, asked=None, why=why, named=named, notes=[])


def _same_probes(first: Fingerprint, second: Fingerprint) -> bool:
    ours, theirs = first.outputs, second.outputs
    if ours is None or theirs is None or ours.preprocess != theirs.preprocess:
        return False
    if ours.probes.inputs != theirs.probes.inputs:
        return False
    made = zip(ours.probes.make(), theirs.probes.make(), strict=True)
    return all(np.array_equal(a, b) for a, b in made)


_ONE_SIDE = "not on both sides"
