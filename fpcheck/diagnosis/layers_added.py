"""Layers that the candidate has and the golden lacks."""

from collections.abc import Iterator

from fpcheck.comparison.compare import Comparison
from fpcheck.diagnosis.evidence import count, some
from fpcheck.report.value import Diagnosis


def diagnose(comparison: Comparison) -> Iterator[Diagnosis]:
    """One diagnosis for all added layers."""
    added = comparison.pairing.added
    if added and comparison.pairing.pairs:
        told = [f"{layer.path} ({layer.class_name})" for layer in added]
        yield Diagnosis(
            code="layers-added",
            layers=[layer.path for layer in added],
            confidence=0.95,
            summary=f"{count(len(added), 'layer')} that the golden lacks: {some(told, 5)}.",
            evidence=[f"{len(comparison.pairing.pairs)} layers of the golden are there"],
            advice="Build the model without them, or record it as a new version.",
        )
