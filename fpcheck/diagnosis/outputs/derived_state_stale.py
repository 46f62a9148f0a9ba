"""A layer did not update the state that it derives from its weights; the weights are right."""

from fpcheck.diagnosis.case import Case, Changed, Diagnoses, by_layer, diagnosis, some
from fpcheck.fingerprint.structure import CARRIED


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all such layers, and one for those that keep state between calls."""
    yield from _carried(case)
    items = [item for item in case.changed if _is_stale(case, item)]
    if layers := by_layer(items):
        roles = ", ".join(dict.fromkeys(item.tensor.role for item in items))
        yield diagnosis(
            "derived-state-stale",
            layers,
            f"The state that {some(layers)} derives from its weights is out of date: {roles}.",
            [f"{i.name}: its digest differs from the {case.reference}'s" for i in items],
            "Call finalize_state() on the layer after set_weights, or load the whole model.",
        )


def _carried(case: Case) -> Diagnoses:
    """Recurrent layers that have been used on one side and start from zeros on the other."""
    findings = case.unexplained("tensor-added", "tensor-missing", "tensor-changed")
    findings = [f for f in findings if str(f.tensor).startswith(CARRIED)]
    if findings:
        case.explain(findings)
        layers = dict.fromkeys(f.layer for f in findings if f.layer)
        yield diagnosis(
            "derived-state-stale",
            layers,
            f"The state that {some(layers)} kept from earlier calls differs from the "
            f"{case.reference}'s.",
            [f"{f.where}: {f.code}" for f in findings],
            "Call reset_state() on these layers before you compare, or load the model again.",
        )


def _is_stale(case: Case, item: Changed) -> bool:
    if not item.tensor.derived or item.tensor.role == "vocabulary":
        return False
    changed = {other.place for other in case.changed}
    weights = [(item.layer.path, tensor.index) for tensor in item.layer.stored]
    return bool(weights) and not changed & {*weights}
