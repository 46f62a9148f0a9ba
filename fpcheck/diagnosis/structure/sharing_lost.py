"""A layer that the golden uses several times stands there as several layers."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import often, some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers that are used less often than in the golden."""
    lost = [f for f in case.found("sharing-changed") if f.expected > f.actual]
    if not lost:
        return
    classes = {case.layers[f.layer].class_name for f in lost if f.layer}
    copies = [f for f in case.found("layer-added") if f.actual in classes]
    names = {f.layer for f in copies if f.layer}
    inside = [f for f in case.found("layer-added") if f.layer and f.layer.startswith(
        tuple(f"{name}/" for name in names))]  # fmt: skip
    rewired = [
        f
        for f in case.found("graph-rewired")
        if names & {source.partition(" (")[0] for source in f.actual}
    ]
    case.tell([*lost, *copies, *inside, *rewired])
    told = [f"{f.layer} is used {often(f.actual)}, in the {case.reference} {often(f.expected)}"
            for f in lost]  # fmt: skip
    copied = some(f.layer for f in copies if f.layer)
    yield Diagnosis(
        code="sharing-lost",
        layers=[f.layer for f in lost if f.layer],
        confidence=1.0,
        summary=f"{some(told, 2)}{f'; new: {copied}' if copied else ''}.",
        evidence=told[:5],
        advice="Build the layer once and call it several times; training would else drive the "
        "copies apart.",
    )
