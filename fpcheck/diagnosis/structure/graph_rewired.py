"""The same layers, fed by other layers or in another order."""

from collections.abc import Iterator

from fpcheck.comparison.finding import Finding
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import often, some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers with other inputs."""
    found = case.found("graph-rewired", "sharing-changed")
    if not found:
        return
    case.tell(found)
    told = [_told(finding, case.reference) for finding in found]
    yield Diagnosis(
        code="graph-rewired",
        layers=list(dict.fromkeys(f.layer for f in found if f.layer)),
        confidence=1.0,
        summary=f"{some(told, 2)}.",
        evidence=told[:5],
        advice=f"Connect the layers as the {case.reference} does; the order of inputs matters.",
    )


def _told(finding: Finding, reference: str) -> str:
    if finding.metric == "calls":
        now, was = often(finding.actual), often(finding.expected)
        return f"{finding.layer} is used {now}, in the {reference} {was}"
    now, was = (", ".join(map(str, side)) for side in (finding.actual, finding.expected))
    order = sorted(map(str, finding.actual)) == sorted(map(str, finding.expected))
    return f"{finding.layer} takes {now}; {reference} {was}" + (", in this order" if order else "")
