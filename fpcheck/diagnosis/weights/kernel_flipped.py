"""Kernels whose space axes run backwards, as some frameworks keep them."""

from collections.abc import Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.weights.foretold import foretold
from fpcheck.fingerprint.undone import Undone
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis a way of flipping."""
    yield from foretold(
        case,
        "kernel-flipped",
        {"flipped": "turned by 180 degrees (all space axes reversed)"},
        "Undo the flip in the conversion: kernel[::-1, ::-1].",
        _says,
    )


def _says(item: Changed, undone: Undone) -> str | None:
    space = len(item.tensor.shape) - 2
    axes = undone.reversed
    if undone.how == "ordered" and set(undone.names) == {"reversed"}:
        axes = undone.axes
    elif undone.how != "turned" or undone.exchanged != tuple(range(space + 2)):
        return None
    if space < 1 or not axes or max(axes) >= space:
        return None
    return f"flipped along axis {', '.join(map(str, axes))}"
