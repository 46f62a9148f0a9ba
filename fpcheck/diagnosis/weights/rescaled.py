"""Tensors that are the golden's times a factor, or times one factor a channel."""

from collections.abc import Iterator

import numpy as np

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import of_tensors, ones
from fpcheck.fingerprint import sketch
from fpcheck.report.report import Diagnosis

# What rounding may leave, relative to the tensor, and to the change that is to be explained.
_ROUNDING, _SHARE = 1e-4, 0.05
# Fewer values than this are a multiple of any others, or nearly.
_FEWEST = 4


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all such tensors."""
    yield from of_tensors(
        case, "rescaled", lambda item: _whole(case, item) or _sliced(case, item),
        lambda names, many: f"{names} {ones(case, many)} times a factor.",
        "Look for a scale that was applied twice or left out, or a normalisation merged into the "
        "kernel.", confidence=0.98,
    )  # fmt: skip


def _whole(case: Case, item: Changed) -> str | None:
    if item.both is None:
        return None
    golden, candidate = item.both
    ours, theirs = golden.sketch, candidate.sketch
    norm = golden.statistics.l2
    if golden.statistics.count < _FEWEST:
        return None
    if norm == 0 or not np.isfinite(theirs).all():
        return None
    square = float(ours @ ours)
    factor = float(ours @ theirs) / square if square > 0 else 0.0
    left = sketch.distance(ours * factor, theirs) / norm
    change = sketch.distance(ours, theirs) / norm
    if factor == 0 or left > _ROUNDING * abs(factor) or left > _SHARE * change:
        return None
    return f"{factor:.6g} times the {case.reference}, to within {left / abs(factor):.1g}"


def _sliced(case: Case, item: Changed) -> str | None:
    undone = case.undone(item)
    if undone is None or undone.how != "rescaled":
        return None
    return (
        f"one factor for each slice along axis {undone.axes[0]}, {undone.figure:.4g} in the "
        f"middle; without them {undone.left:.1g} is left"
    )
