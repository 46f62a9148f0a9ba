"""A few values changed and all others are the golden's: bit flips, an edit by hand."""

from collections.abc import Iterator

import numpy as np

from fpcheck.codec import Array
from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import of_tensors
from fpcheck.fingerprint.measurement import Details
from fpcheck.report.report import Diagnosis

# Each projection is a sum of the changes with random signs. m changed values can give at most
# 2^(m-1) magnitudes; the 32 projections of a change everywhere have 32.
_MOST_MAGNITUDES = 8
_SAME = 1e-4
# From here on the slices along an axis can show that most of them are untouched.
_WIDE = 8


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all tensors with a few changed values."""
    # Where much else changed too, training has merely left most of these tensors alone.
    alone = all(_few(item) for item in case.left)
    yield from of_tensors(
        case, "point-change", _few,
        lambda names, many: f"A few values of {names} changed, all others are the "
        f"{case.reference}'s.",
        "A flipped bit or an edit: get the file again, and check disk and memory.",
        confidence=0.97 if alone else 0.6,
    )  # fmt: skip


def _few(item: Changed) -> str | None:
    if item.both is None or item.both[0].statistics.count < 2:
        return None
    golden, candidate = item.both
    difference = candidate.sketch - golden.sketch
    if not np.isfinite(difference).all() or not difference.any():
        return None
    magnitudes = _magnitudes(np.abs(difference))
    places = _places(golden, candidate)
    where = f" at {places}" if places else ""
    if magnitudes == 1:
        return f"one value changed by {np.abs(difference).max():.4g}{where}"
    few = int(np.ceil(np.log2(magnitudes))) + 1
    few_of_many = 4 * few <= golden.statistics.count and _as_many_as(difference) <= 2 * few
    if magnitudes <= _MOST_MAGNITUDES and few_of_many:
        return f"about {few} values changed{where}"
    return f"few values changed{where}" if _narrow(golden, candidate) else None


def _magnitudes(values: Array) -> int:
    ordered = np.sort(values)
    return 1 + int((np.diff(ordered) > _SAME * ordered[-1]).sum())


def _as_many_as(difference: Array) -> float:
    """How many values changed if all did by one amount, as by one step of Adam; 0 if not so.

    Their projections are odd or even multiples of that amount, and as many as fit the distance.
    """
    ordered = np.sort(np.abs(difference))
    gaps = np.diff(ordered)
    amount = gaps[gaps > _SAME * ordered[-1]].min(initial=2 * ordered[-1]) / 2
    multiples = ordered / amount
    if np.abs(multiples - np.rint(multiples)).max() > 0.02:
        return 0.0
    return float(np.mean(multiples * multiples))


def _touched(golden: Details, candidate: Details) -> list[Array]:
    """Slices along each axis whose norm differs; untouched ones have the same bits."""
    pairs = zip(golden.profiles, candidate.profiles, strict=True)
    return [np.flatnonzero(ours != theirs) for ours, theirs in pairs]


def _narrow(golden: Details, candidate: Details) -> bool:
    """Whether few slices along every wide axis were touched: a channel touches all of another."""
    wide = [
        (len(touched), len(profile))
        for touched, profile in zip(_touched(golden, candidate), golden.profiles, strict=True)
        if len(profile) >= _WIDE
    ]
    return len(wide) > 1 and all(0 < touched <= 0.4 * size for touched, size in wide)


def _places(golden: Details, candidate: Details) -> str:
    touched = _touched(golden, candidate)
    if not touched or any(not 0 < len(axis) <= 2 for axis in touched):
        return ""
    return "[" + ", ".join("|".join(map(str, axis.tolist())) for axis in touched) + "]"
