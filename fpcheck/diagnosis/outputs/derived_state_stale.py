"""State that a layer derives from its weights was not derived again: the weights are right."""

from collections.abc import Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import lines, paths, some
from fpcheck.fingerprint.structure import CARRIED
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all such layers, and one for those that carry state between calls."""
    yield from _carried(case)
    items = [item for item in case.changed if _is_stale(case, item)]
    if items:
        roles = ", ".join(dict.fromkeys(item.tensor.role for item in items))
        yield Diagnosis(
            code="derived-state-stale",
            layers=paths(items),
            confidence=1.0,
            summary=f"{some(paths(items))}: the weights are the {case.reference}'s, but not "
            f"{roles}, with which the layer computes.",
            evidence=[
                f"{item.name}: another digest than the {case.reference}'s" for item in items[:5]
            ],
            advice="Call finalize_state() on the layer after set_weights, or load the whole model.",
        )


def _carried(case: Case) -> Iterator[Diagnosis]:
    """Recurrent layers that are in use on one side, and start from zeros on the other."""
    found = [
        finding for finding in case.found("tensor-added", "tensor-missing", "tensor-changed")
        if str(finding.tensor).startswith(CARRIED)
    ]  # fmt: skip
    if not found:
        return
    case.tell(found)
    layers = list(dict.fromkeys(finding.layer for finding in found if finding.layer))
    yield Diagnosis(
        code="derived-state-stale",
        layers=layers,
        confidence=1.0,
        summary=f"The state that {some(layers)} kept of earlier calls differs from the "
        f"{case.reference}'s.",
        evidence=lines([f"{finding.where}: {finding.code}" for finding in found]),
        advice="Call reset_state() on these layers before you compare, or load the model anew.",
    )


def _is_stale(case: Case, item: Changed) -> bool:
    if not item.tensor.derived or item.tensor.role == "vocabulary":
        return False
    own = [tensor for tensor in item.layer.tensors if not tensor.derived]
    others = {i.place for i in case.changed}
    return bool(own) and all((item.layer.path, t.index) not in others for t in own)
