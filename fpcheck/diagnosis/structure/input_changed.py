"""The model takes other inputs: shape, type, number or order."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis of all inputs together."""
    found = case.found("input-changed")
    if not found:
        return
    own = {port.source.layer for port in case.golden.structure.inputs if port.source}
    case.tell([*found, *(f for f in case.found("config-changed", "dtype-changed")
                         if f.layer in own)])  # fmt: skip
    (finding,) = found
    was, now = some(finding.expected, 4), some(finding.actual, 4)
    order = sorted(finding.expected) == sorted(finding.actual)
    yield Diagnosis(
        code="input-changed",
        layers=_differing(case) or sorted(own & case.layers.keys(), key=list(case.layers).index),
        confidence=1.0,
        summary=f"The model takes {now}; the {case.reference} {was}.",
        evidence=["the same inputs in another order" if order else "shape, type or number differ"],
        advice=f"Build it with the {case.reference}'s inputs; weights that fit say nothing of "
        "them.",
    )


def _differing(case: Case) -> list[str]:
    """The inputs that differ, where both sides have as many."""
    ours, theirs = case.golden.structure.inputs, case.candidate.structure.inputs
    if len(ours) != len(theirs):
        return []
    return [
        golden.source.layer
        for golden, candidate in zip(ours, theirs, strict=True)
        if (golden.shape, golden.dtype) != (candidate.shape, candidate.dtype) and golden.source
    ]
