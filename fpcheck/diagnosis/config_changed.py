"""A layer is configured otherwise: names layer, attribute and both values."""

from collections.abc import Iterator

from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.finding import Finding
from fpcheck.diagnosis.evidence import some
from fpcheck.report.value import Diagnosis


def diagnose(comparison: Comparison) -> Iterator[Diagnosis]:
    """One diagnosis for all changed attributes."""
    found = [f for f in comparison.errors if f.code == "config-changed"]
    if not found:
        return
    told = [_told(finding) for finding in found]
    yield Diagnosis(
        code="config-changed",
        layers=list(dict.fromkeys(f.layer for f in found if f.layer)),
        confidence=1.0,
        summary=f"{some(told)}.",
        evidence=told[:5],
        advice="Build the layer as the golden has it; weights fit either way, so nothing else "
        "would tell.",
    )


def _told(finding: Finding) -> str:
    return f"{finding.layer}: {finding.metric} is {finding.actual}, golden {finding.expected}"
