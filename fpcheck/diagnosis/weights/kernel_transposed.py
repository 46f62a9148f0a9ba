"""Kernels with exchanged axes: height and width, or input and output channels."""

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import Diagnoses
from fpcheck.diagnosis.weights.known_mistakes import diagnose_mistake
from fpcheck.fingerprint.undone import Undone

_MISTAKES = {
    "transposed": "transposed (last two axes exchanged)",
    "space-transposed": "transposed (height and width exchanged)",
}


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis per exchange of axes."""
    advice = (
        "Transpose it back in the conversion: kernels are (height, width, in, out), or (in, out)."
    )
    yield from diagnose_mistake(case, "kernel-transposed", _MISTAKES, advice, _describe)


def _describe(item: Changed, undone: Undone) -> str | None:
    if undone.how != "turned" or undone.exchanged == tuple(range(len(item.tensor.shape))):
        return None
    flipped = f", axis {', '.join(map(str, undone.reversed))} reversed" if undone.reversed else ""
    return f"transposed (axes {', '.join(map(str, undone.exchanged))}{flipped})"
