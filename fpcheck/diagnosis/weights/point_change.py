"""A few values changed and all others equal the golden's: bit flips, an edit by hand."""

import numpy as np

from fpcheck.codec import Array
from fpcheck.diagnosis.case import Case, Changed, Diagnoses, diagnose_tensors
from fpcheck.fingerprint.measurement import Details

# Each projection is a sum of the changes with random signs. m changed values give at most 2^(m-1)
# magnitudes; a change everywhere gives 32 for the 32 projections.
_MOST_MAGNITUDES = 8
_SAME = 1e-4
# An axis of at least this length can show that most of its slices are unchanged.
_WIDE = 8


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all tensors with a few changed values."""
    # If more has changed, training may have changed only a few values of these tensors.
    alone = all(_describe(item) for item in case.unexplained_tensors)
    yield from diagnose_tensors(
        case,
        "point-change",
        _describe,
        "A few values of {names} changed; all others equal the {reference}'s.",
        "A bit flipped, or somebody edited the file: get it again, and check disk and memory.",
        confidence=0.97 if alone else 0.6,
    )


def _describe(item: Changed) -> str | None:
    if item.both is None or item.both[0].statistics.count < 2:
        return None
    golden, candidate = item.both
    difference = candidate.sketch - golden.sketch
    if not np.isfinite(difference).all() or not difference.any():
        return None
    ordered = np.sort(np.abs(difference))
    magnitudes = 1 + int((np.diff(ordered) > _SAME * ordered[-1]).sum())
    # Slices along each axis whose norm differs; unchanged slices have the same bits.
    profiles = zip(golden.profiles, candidate.profiles, strict=True)
    changed = [np.flatnonzero(was != now) for was, now in profiles]
    where = _where(changed)
    if magnitudes == 1:
        return f"one value changed by {ordered[-1]:.4g}{where}"
    few = int(np.ceil(np.log2(magnitudes))) + 1
    few_of_many = 4 * few <= golden.statistics.count and _equal_changes(ordered) <= 2 * few
    if magnitudes <= _MOST_MAGNITUDES and few_of_many:
        return f"about {few} values changed{where}"
    return f"a few values changed{where}" if _is_narrow(changed, golden) else None


def _equal_changes(ordered: Array) -> float:
    """The number of changed values if all changed by one amount, as in one step of Adam; else 0.

    Their projections are odd or even multiples of that amount, and their mean square is the number.
    """
    gaps = np.diff(ordered)
    amount = gaps[gaps > _SAME * ordered[-1]].min(initial=2 * ordered[-1]) / 2
    multiples = ordered / amount
    whole = np.abs(multiples - np.rint(multiples)).max() <= 0.02
    return float(np.mean(multiples * multiples)) if whole else 0.0


def _is_narrow(changed: list[Array], golden: Details) -> bool:
    """Whether few slices along every wide axis changed: a channel changes all of another axis."""
    axes = zip(changed, golden.profiles, strict=True)
    wide = [len(slices) / len(profile) for slices, profile in axes if len(profile) >= _WIDE]
    return len(wide) > 1 and all(0 < share <= 0.4 for share in wide)


def _where(changed: list[Array]) -> str:
    """The index of the changed values, ` at [3, 0|1]`; empty if it is not known well."""
    if not changed or any(not 0 < len(axis) <= 2 for axis in changed):
        return ""
    return " at [" + ", ".join("|".join(map(str, axis.tolist())) for axis in changed) + "]"
