"""Kernels with reversed spatial axes, as some frameworks store them."""

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import Diagnoses
from fpcheck.diagnosis.weights.known_mistakes import diagnose_mistake
from fpcheck.fingerprint.undone import Undone


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis per set of reversed axes."""
    yield from diagnose_mistake(
        case,
        "kernel-flipped",
        {"flipped": "rotated by 180 degrees (all spatial axes reversed)"},
        "Undo the flip in the conversion: kernel[::-1, ::-1].",
        _describe,
    )


def _describe(item: Changed, undone: Undone) -> str | None:
    spatial = len(item.tensor.shape) - 2
    axes = undone.reversed
    if undone.how == "ordered" and set(undone.names) == {"reversed"}:
        axes = undone.axes
    elif undone.how != "turned" or undone.exchanged != tuple(range(spatial + 2)):
        return None
    if spatial < 1 or not axes or max(axes) >= spatial:
        return None
    return f"flipped along axis {', '.join(map(str, axes))}"
