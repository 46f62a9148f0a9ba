"""Layers of other names: harmless by itself, but loading by name then finds nothing."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis beside others, since a rename changes no output."""
    renamed = case.pairing.renamed
    if not renamed or not case.errors:
        return
    first = renamed[0]
    yield Diagnosis(
        code="layers-renamed",
        layers=[pair.golden.path for pair in renamed],
        confidence=0.3,
        summary=f"{count(len(renamed), 'layer')} renamed: {first.golden.path} is now "
        f"{first.candidate.path}.",
        evidence=[f"paired by {case.pairing.how}; names decide no output"],
        advice="Nothing by itself; load weights by order or path, not by name.",
    )
