"""Layers that the golden has and the candidate lacks; tells a missing top from other gaps."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count, some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all removed layers."""
    removed = [f.layer for f in case.found("layer-removed") if f.layer]
    if not removed or not case.pairing.pairs or case.bare:
        return
    order = list(case.layers)
    names = some(removed, 5)
    top = is_top(case, removed)
    summary = (
        f"{count(len(removed), 'layer')} of the {case.reference} missing from the middle: {names}."
    )
    if top:
        summary = f"This is the body of the {case.reference}, its top is missing: {names}."
    yield Diagnosis(
        code="layers-removed",
        layers=removed,
        confidence=1.0,
        summary=summary,
        evidence=[f"{len(case.pairing.pairs)} of {len(order)} layers are there"],
        advice="Build it with include_top=True." if top else "Build the missing layers.",
    )


def is_top(case: Case, removed: list[str]) -> bool:
    """Whether what is missing is the end of the golden, and nothing stands in its place."""
    order = list(case.layers)
    ends = {p.source.layer for p in case.golden.structure.outputs if p.source is not None}
    at_end = set(order[-len(removed) :]) == set(removed)
    return at_end and bool(ends) and ends <= set(removed) and not case.pairing.added
