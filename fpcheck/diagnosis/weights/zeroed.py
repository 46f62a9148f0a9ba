"""Tensors that are zero, wholly or in part, where the golden's are not: a damaged copy."""

import numpy as np

from fpcheck.diagnosis.case import Case, Changed, Diagnoses, diagnose_tensors
from fpcheck.fingerprint import sketch

# The share of new zeros that rounding or training does not give.
FEWEST_NEW_ZEROS = 0.01
# The squared distance is estimated within about 25 %; this is four times as much.
_SLACK = 1.0


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all tensors with new zeros that equal the golden's in other places."""
    yield from diagnose_tensors(
        case,
        "zeroed",
        _new_zeros,
        "Values of {names} are exactly 0 where the {reference}'s are not.",
        "The copy is damaged, or a loader left a part out: get the file again.",
        confidence=0.96,
    )


def _new_zeros(item: Changed) -> str | None:
    if item.both is None:
        return None
    golden, candidate = item.both
    count = golden.statistics.count
    new = candidate.statistics.zeros - golden.statistics.zeros
    profiles = list(zip(golden.profiles, candidate.profiles, strict=True))
    slices = [int(((was > 0) & (now == 0)).sum()) for was, now in profiles]
    if (new < 2 and new < count) or (new < FEWEST_NEW_ZEROS * count and not any(slices)):
        return None
    lost = golden.statistics.l2**2 - candidate.statistics.l2**2
    square = sketch.distance(golden.sketch, candidate.sketch) ** 2
    if not np.isfinite(square) or not lost > 0 or abs(square - lost) > _SLACK * lost:
        return None
    where = ", ".join(
        f"{number} of {len(profile)} slices along axis {axis}"
        for axis, (number, profile) in enumerate(zip(slices, golden.profiles, strict=True))
        if number > 0
    )
    return f"{new / count:.0%} of the values became 0" + (f": {where}" if where else "")
