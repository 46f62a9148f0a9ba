"""Tensors that are the golden's multiplied by a factor, or by one factor per channel."""

import numpy as np

from fpcheck.diagnosis.case import Case, Changed, Diagnoses, diagnose_tensors
from fpcheck.fingerprint import sketch

# The difference that rounding may leave, relative to the tensor and to the change to explain.
_ROUNDING, _SHARE = 1e-4, 0.05
# Fewer values than this are nearly a multiple of any others.
_FEWEST = 4


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all such tensors."""
    yield from diagnose_tensors(
        case,
        "rescaled",
        lambda item: _one_factor(case, item) or _factor_per_slice(case, item),
        "The values of {names} are the {reference}'s multiplied by a factor.",
        "Look for a scale that was applied twice or left out, or a normalisation merged into the "
        "kernel.",
        confidence=0.98,
    )


def _one_factor(case: Case, item: Changed) -> str | None:
    if item.both is None:
        return None
    golden, candidate = item.both
    expected, actual = golden.sketch, candidate.sketch
    norm = golden.statistics.l2
    if golden.statistics.count < _FEWEST or norm == 0 or not np.isfinite(actual).all():
        return None
    square = float(expected @ expected)
    factor = float(expected @ actual) / square if square > 0 else 0.0
    rest = sketch.distance(expected * factor, actual) / norm
    change = sketch.distance(expected, actual) / norm
    if factor == 0 or rest > _ROUNDING * abs(factor) or rest > _SHARE * change:
        return None
    return f"{factor:.6g} times the {case.reference}, within {rest / abs(factor):.1g}"


def _factor_per_slice(case: Case, item: Changed) -> str | None:
    undone = case.undone(item)
    if undone is None or undone.how != "rescaled":
        return None
    return (
        f"one factor for each slice along axis {undone.axes[0]}, median {undone.figure:.4g}; "
        f"without the factors, the relative difference is {undone.left:.1g}"
    )
