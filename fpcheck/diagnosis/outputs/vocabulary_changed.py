"""The words of a lookup, or their order, are others: the same text gets other numbers."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count, paths, some
from fpcheck.fingerprint.structure import ASSET
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for files of custom classes, one for all lookups."""
    yield from _saved(case)
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


def _saved(case: Case) -> Iterator[Diagnosis]:
    """Files that custom classes keep with the model, such as a tokenizer's words."""
    items = [i for i in case.changed if i.tensor.derived and i.tensor.role.startswith(ASSET)]
    if items:
        names = [i.tensor.role for i in items]
        yield Diagnosis(
            code="vocabulary-changed",
            layers=paths(items),
            confidence=1.0,
            summary=f"{some(names)}, which the model keeps beside its weights, "
            f"{'differ' if len(names) > 1 else 'differs'} from the golden.",
            evidence=[f"{i.tensor.role}: {count(i.other.size, 'byte')}, golden {i.tensor.size}"
                      for i in items[:5]],
            advice="Load the tokenizer or preprocessor that was saved with the approved model.",
        )  # fmt: skip
