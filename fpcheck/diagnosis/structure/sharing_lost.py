"""A layer that the golden calls several times is replaced by several layers."""

from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis, some
from fpcheck.diagnosis.structure.graph_rewired import describe


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers that are called less often than in the golden."""
    lost = [f for f in case.unexplained("sharing-changed") if f.expected > f.actual]
    if not lost:
        return
    classes = {case.layers[f.layer].class_name for f in lost if f.layer}
    added = case.unexplained("layer-added")
    copies = [f for f in added if f.actual in classes]
    names = dict.fromkeys(f.layer for f in copies if f.layer)
    inside = tuple(f"{name}/" for name in names)
    case.explain([*lost, *copies, *(f for f in added if (f.layer or "").startswith(inside))])
    for finding in case.unexplained("graph-rewired"):
        if names.keys() & {source.partition(" (")[0] for source in finding.actual}:
            case.explain([finding])
    changes = [describe(finding, case.reference) for finding in lost]
    yield diagnosis(
        "sharing-lost",
        [f.layer for f in lost],
        f"{some(changes, 2)}{f'; new: {some(names)}' if names else ''}.",
        changes,
        "Build the layer once and call it several times. Otherwise training changes each copy.",
    )
