"""Slices of a tensor in another order: gates, flattened rows, channels, classes."""

from collections.abc import Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import of_tensors
from fpcheck.report.report import Diagnosis

_ADVICE = (
    "Put the slices back in the conversion: gates are i, f, c, o in Keras (z, r, h in a GRU), rows "
    "after Flatten run height, width, channel."
)
_RECURRENT = ("LSTM", "GRU")


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for what is proved, one for tensors that only hold the same values."""
    yield from of_tensors(
        case, "axis-permuted", lambda item: _proved(case, item),
        lambda names, many: f"{names} {'hold' if many else 'holds'} the {case.whose} values with "
        "slices in another order.",
        _ADVICE,
    )  # fmt: skip


def diagnose_unproved(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for tensors that hold the golden's values in an order that was not found."""
    yield from of_tensors(
        case, "axis-permuted", lambda item: _reordered(case, item),
        lambda names, many: f"{names} {'hold' if many else 'holds'} exactly the {case.whose} "
        "values, in another order.",
        _ADVICE, confidence=0.9,
    )  # fmt: skip


def _proved(case: Case, item: Changed) -> str | None:
    undone = case.undone(item)
    if undone is None or undone.how != "ordered" or undone.left > 0:
        return None
    told = [
        f"along axis {axis} {_named(item, name, axis) or 'permuted'}"
        for axis, name in zip(undone.axes, undone.names, strict=True)
    ]
    return f"{' and '.join(told)}; put back, it has the {case.reference}'s digest"


def _named(item: Changed, name: str, axis: int) -> str:
    gates = axis == len(item.tensor.shape) - 1 and item.layer.class_name.startswith(_RECURRENT)
    return name.replace("blocks", "gates") if gates else name


def _reordered(case: Case, item: Changed) -> str | None:
    undone = case.undone(item)
    if undone is None or undone.how != "reordered":
        return None
    return (
        f"smallest and largest value, sum and norm are the {case.reference}'s, the places are not"
    )
