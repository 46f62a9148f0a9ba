"""The model gives other outputs, and nothing before them says why."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis unless a layer that differs accounts for the outputs."""
    found = case.found("output-changed", "output-missing", "output-shape-changed")
    ports = [f for f in found if f.metric in ("ports", "outputs")]
    others = [f for f in case.errors if f.level == "structure" and f not in found]
    if not ports or others:
        return
    case.tell(found)
    was, now = some(map(str, ports[0].expected), 4), some(map(str, ports[0].actual), 4)
    sources = [port.source.layer for port in case.golden.structure.outputs if port.source]
    yield Diagnosis(
        code="output-changed",
        layers=list(dict.fromkeys(sources)),
        confidence=1.0,
        summary=f"The model gives {now}; the {case.reference} {was}.",
        evidence=[f"all layers are the {case.reference}'s; what is taken as output differs"],
        advice=f"Build the model with the {case.reference}'s outputs.",
    )
