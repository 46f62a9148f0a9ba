"""Layers that the golden has and the candidate lacks; tells a missing top from other gaps."""

from collections.abc import Iterator

from fpcheck.comparison.compare import Comparison
from fpcheck.diagnosis.evidence import count, some
from fpcheck.report.value import Diagnosis


def diagnose(comparison: Comparison) -> Iterator[Diagnosis]:
    """One diagnosis for all removed layers."""
    removed = [layer.path for layer in comparison.pairing.removed]
    if not removed or not comparison.pairing.pairs:
        return
    order = [layer.path for layer in comparison.golden.structure.layers]
    ends = {p.source.layer for p in comparison.golden.structure.outputs if p.source is not None}
    at_end = set(order[-len(removed) :]) == set(removed)
    is_top = at_end and bool(ends) and ends <= set(removed) and not comparison.pairing.added
    names = some(removed, 5)
    summary = f"{count(len(removed), 'layer')} of the golden missing from the middle: {names}."
    if is_top:
        summary = f"This is the body of the golden, its top is missing: {names}."
    yield Diagnosis(
        code="layers-removed",
        layers=removed,
        confidence=1.0 if is_top else 0.95,
        summary=summary,
        evidence=[f"{len(comparison.pairing.pairs)} of {len(order)} layers are there"],
        advice="Build it with include_top=True." if is_top else "Build the missing layers.",
    )
