"""The words of a lookup, or their order, are others: the same text gets other numbers."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count, paths, some
from fpcheck.report.value import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all lookups."""
    items = [i for i in case.changed if i.tensor.derived and i.tensor.role == "vocabulary"]
    if not items:
        return
    sizes = {i.name: (i.tensor.size, i.other.size) for i in items}
    told = [
        f"{name}: {count(now, 'word')} as in the {case.reference}, others or in another order"
        if was == now
        else f"{name}: {count(now, 'word')}, {case.reference} {was}"
        for name, (was, now) in sizes.items()
    ]  # fmt: skip
    yield Diagnosis(
        code="vocabulary-changed",
        layers=paths(items),
        confidence=1.0,
        summary=f"The vocabulary of {some(paths(items))} is not the {case.reference}'s.",
        evidence=told[:5],
        advice="Load the vocabulary that was saved with the model; .weights.h5 files hold none.",
    )
