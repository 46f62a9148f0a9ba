"""From two fingerprints to the report: compare, judge the levels, diagnose."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from fpcheck.comparison.compare import Comparison, compare_fingerprints
from fpcheck.comparison.finding import NOT_COMPARED, Finding
from fpcheck.comparison.verdict import (
    NOT_ASKED,
    NOT_IN_GOLDEN,
    LevelResult,
    decide_verdict,
    judge_level,
)
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.levels import LEVELS
from fpcheck.golden import official
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import shipped
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.source import Kind, Source
from fpcheck.report.report import CandidateRef, Diagnosis, GoldenRef, Report
from fpcheck.wording import some
from fpcheck.workflows.candidate import Candidate, Levels
from fpcheck.workflows.golden_lookup import Choice
from fpcheck.workflows.plan import ComparePlan


def evaluate(plan: ComparePlan, candidate: Candidate, model: OpenedModel) -> Report:
    """The report on a source that was measured by a plan.

    Args:
        plan: how it was compared.
        candidate: what was measured.
        model: the model, still open for a closer look at what differs.
    """
    assert plan.choice is not None
    source, fingerprint = plan.source, candidate.fingerprint
    named = CandidateRef(source.text, model.format, content_id_text(fingerprint))
    notes = [*model.notes, *_official(source, plan.golden), *_code(source, candidate)]
    return report_on(
        plan.choice,
        candidate,
        named,
        asked=plan.request.levels,
        notes=notes,
        model=model,
        goldens=plan.request.goldens,
    )


def report_on(
    choice: Choice,
    candidate: Candidate,
    named: CandidateRef,
    *,
    asked: tuple[str, ...] | None = None,
    notes: Sequence[str] = (),
    model: OpenedModel | None = None,
    goldens: str | Path | None = None,
) -> Report:
    """Compare two fingerprints, judge each level, and diagnose what differs.

    Args:
        choice: the golden, and why that one.
        candidate: what was measured.
        named: how the report names the candidate.
        asked: the levels that the verdict asks for.
        notes: what else to say.
        model: the candidate, where it is still open for a closer look at what differs.
        goldens: the folder of goldens, one of which the candidate may be.
    """
    golden, stood = choice.golden, candidate.levels
    comparison = compare_fingerprints(golden.fingerprint, candidate.fingerprint, golden.tolerances)
    levels = {n: judge_level(n, result, comparison.findings, asked) for n, result in stood.items()}
    if comparison.rest:
        levels, notes = _of_part(comparison, levels, notes)
    differs = any(result.status == "fail" for result in levels.values())
    own = content_id_text(golden.fingerprint)
    return Report(
        verdict=decide_verdict(levels, golden.fingerprint.levels, asked),
        golden=GoldenRef(golden.name, golden.version, own, choice.why, golden.note),
        candidate=named,
        levels=levels,
        first_divergent_layer=comparison.first_divergent_layer if differs else None,
        findings=[f for f in comparison.findings if _is_shown(f, stood, levels)],
        diagnoses=_diagnosed(comparison, golden, model, goldens) if differs else [],
        notes=[*notes],
        accuracy=None,
        first=golden.first,
    )


def _official(source: Source, golden: Golden) -> list[str]:
    """Whether a file is one of Keras's own, where its name or its golden suggests the question."""
    if not source.local or golden.first:
        return []
    path = Path(source.target)
    bundled = golden.path is not None and golden.path.is_relative_to(shipped().folder)
    if not bundled and path.name not in official.official_files():
        return []
    return [official.recognise(path) or "It is not one of Keras's official weight files."]


def _code(source: Source, candidate: Candidate) -> list[str]:
    """That code decides outputs too, where nothing else says so and no file contains the code."""
    custom = candidate.fingerprint.structure.custom_classes
    outputs = candidate.levels["outputs"]
    if (
        source.kind is not Kind.FILE
        or not custom
        or outputs.reason not in (NOT_IN_GOLDEN, NOT_ASKED)
    ):
        return []
    shown = ", ".join(custom[:3]) + (", …" if len(custom) > 3 else "")
    return [f"not compared: the code of {shown}, which no model file contains"]


def _is_shown(finding: Finding, stood: Levels, finished: Levels) -> bool:
    """Whether its level was looked at; what was left out of it is shown too."""
    if finding.code == NOT_COMPARED:
        return stood[finding.level].status == "pass"
    return finished[finding.level].status != "skipped"


def _of_part(
    comparison: Comparison, levels: Levels, notes: Sequence[str]
) -> tuple[Levels, list[str]]:
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
    return levels, [*notes, note]


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


def compare_goldens(choice: Choice, other: Fingerprint, named: CandidateRef) -> Report:
    """The report on two fingerprints, neither of which is an open model."""
    golden = choice.golden.fingerprint
    levels: Levels = {}
    for level in LEVELS:
        both = level in golden.levels and level in other.levels
        levels[level] = LevelResult("pass") if both else LevelResult("skipped", "not on both sides")
    if levels["outputs"].status == "pass" and not _same_probes(golden, other):
        levels["outputs"] = LevelResult("skipped", "other probes or preprocessing")
        other = msgspec.structs.replace(other, outputs=None)
    return report_on(choice, Candidate(other, levels), named)


def _same_probes(first: Fingerprint, second: Fingerprint) -> bool:
    ours, theirs = first.outputs, second.outputs
    if ours is None or theirs is None or ours.preprocess != theirs.preprocess:
        return False
    if ours.probes.inputs != theirs.probes.inputs:
        return False
    made = zip(ours.probes.make(), theirs.probes.make(), strict=True)
    return all(np.array_equal(a, b) for a, b in made)


def reference(golden: Golden) -> CandidateRef:
    """A golden as the candidate's side of a comparison."""
    return CandidateRef(golden.label, "golden", content_id_text(golden.fingerprint))


def content_id_text(fingerprint: Fingerprint) -> str | None:
    """The content id as users see it; None where weights were not measured."""
    own = fingerprint.content_id
    return digest.text(own) if own else None
