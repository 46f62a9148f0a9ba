"""Tensors that are zero, wholly or in part, where the golden's are not: a damaged copy."""

from collections.abc import Iterator

import numpy as np

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import of_tensors
from fpcheck.fingerprint import sketch
from fpcheck.report.report import Diagnosis

# A share of zeros beyond the golden's that no rounding or training makes by itself.
FEWEST_NEW_ZEROS = 0.01
# The squared distance is known to about 25 %; four times.
_SLACK = 1.0


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all tensors that lost values to zero and are the golden's elsewhere."""
    yield from of_tensors(
        case, "zeroed", _zeroed,
        lambda names, many: f"Values are exactly 0 in {names} where the {case.reference} has none.",
        "The copy is damaged, or a loader left a part out: get the file again.", confidence=0.96,
    )  # fmt: skip


def _zeroed(item: Changed) -> str | None:
    if item.both is None:
        return None
    golden, candidate = item.both
    new = candidate.statistics.zeros - golden.statistics.zeros
    slices = [int(((g > 0) & (c == 0)).sum())
              for g, c in zip(golden.profiles, candidate.profiles, strict=True)]  # fmt: skip
    count = golden.statistics.count
    if (new < 2 and new < count) or (new < FEWEST_NEW_ZEROS * count and not any(slices)):
        return None
    lost = golden.statistics.l2**2 - candidate.statistics.l2**2
    square = sketch.distance(golden.sketch, candidate.sketch) ** 2
    if not np.isfinite(square) or not lost > 0 or abs(square - lost) > _SLACK * lost:
        return None
    where = [f"{number} of {len(profile)} slices along axis {axis}"
             for axis, (number, profile) in enumerate(zip(slices, golden.profiles, strict=True))
             if number > 0]  # fmt: skip
    return f"{new / count:.0%} newly zero" + (f": {', '.join(where)}" if where else "")
