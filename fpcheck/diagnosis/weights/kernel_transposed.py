"""Kernels with axes exchanged: height and width, or input and output channels."""

from collections.abc import Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.weights.foretold import foretold
from fpcheck.fingerprint.undone import Undone
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis a way of exchanging axes."""
    yield from foretold(
        case,
        "kernel-transposed",
        {
            "transposed": "transposed (its last two axes exchanged)",
            "space-transposed": "transposed (height and width exchanged)",
        },
        "Transpose it back in the conversion: kernels are (height, width, in, out), or (in, out).",
        _says,
    )


def _says(item: Changed, undone: Undone) -> str | None:
    if undone.how != "turned" or undone.exchanged == tuple(range(len(item.tensor.shape))):
        return None
    flipped = f", axis {', '.join(map(str, undone.reversed))} reversed" if undone.reversed else ""
    return f"transposed (axes {', '.join(map(str, undone.exchanged))}{flipped})"
