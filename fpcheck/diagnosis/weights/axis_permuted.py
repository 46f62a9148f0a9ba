"""Slices of a tensor in another order: gates, flattened rows, channels, classes."""

from functools import partial

from fpcheck.diagnosis.case import Case, Changed, Diagnoses, diagnose_tensors

_CODE = "axis-permuted"
_ADVICE = (
    "Reorder the slices in the conversion: gates are i, f, c, o in Keras (z, r, h in a GRU), rows "
    "after Flatten run height, width, channel."
)


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all tensors whose permutation is proved."""
    summary = "The slices of {names} are in another order than in the {reference}."
    yield from diagnose_tensors(case, _CODE, partial(_permutation, case), summary, _ADVICE)


def diagnose_unproved(case: Case) -> Diagnoses:
    """One diagnosis for tensors with the golden's values in an unknown order."""
    summary = "The values of {names} are in another order than in the {reference}."
    yield from diagnose_tensors(case, _CODE, partial(_same_values, case), summary, _ADVICE, 0.9)


def _permutation(case: Case, item: Changed) -> str | None:
    undone = case.undone(item)
    if undone is None or undone.how != "ordered" or undone.left > 0:
        return None
    recurrent = item.layer.class_name.startswith(("LSTM", "GRU"))
    gates = len(item.tensor.shape) - 1 if recurrent else None
    orders = [
        f"along axis {axis} {name.replace('blocks', 'gates') if axis == gates else name}"
        for axis, name in zip(undone.axes, (n or "permuted" for n in undone.names), strict=True)
    ]
    return f"{' and '.join(orders)}; undoing this gives the {case.reference}'s digest"


def _same_values(case: Case, item: Changed) -> str | None:
    undone = case.undone(item)
    if undone is None or undone.how != "reordered":
        return None
    return f"minimum, maximum, sum and norm equal the {case.reference}'s, the order does not"
