"""Layers that the candidate has and the golden lacks."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count, some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all added layers."""
    found = case.found("layer-added")
    if found and case.pairing.pairs and not case.bare:
        told = [f"{f.layer} ({f.actual})" for f in found]
        yield Diagnosis(
            code="layers-added",
            layers=[f.layer for f in found if f.layer],
            confidence=1.0,
            summary=f"{count(len(found), 'layer')} that the {case.reference} lacks: "
            f"{some(told, 5)}.",
            evidence=[f"{len(case.pairing.pairs)} layers of the {case.reference} are there"],
            advice="Build the model without them, or record it as a new version.",
        )
