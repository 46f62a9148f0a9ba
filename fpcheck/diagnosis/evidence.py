"""Wording that rules share, and the shape that most rules on tensors have."""

from collections.abc import Callable, Iterable, Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.report.report import Diagnosis
from fpcheck.wording import some as some

# Lines of evidence; what is beyond is counted.
MOST_LINES = 5


def count(number: int, word: str) -> str:
    """`1 layer`, `3 layers`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def ones(case: Case, many: bool) -> str:
    """`is the golden one`, `are the golden ones`; of a diff `is the first's`."""
    one = "" if case.whose != case.reference else " ones" if many else " one"
    return f"{'are' if many else 'is'} the {case.whose}{one}"


def tolerating(case: Case, says: str, row: str) -> str:
    """`, or allow it: --tolerance float16`; nothing of a diff, which has no such option."""
    return f", or {says} --tolerance {row}" if case.reference == "golden" else ""


def often(number: int) -> str:
    """`once`, `3 times`."""
    return "once" if number == 1 else f"{number} times"


def lines(told: list[str]) -> list[str]:
    """The first lines of evidence, and how many more there are."""
    more = len(told) - MOST_LINES
    return told if more <= 1 else [*told[:MOST_LINES], f"and {more} more"]


def paths(items: Iterable[Changed]) -> list[str]:
    """The layers of tensors, each once."""
    return list(dict.fromkeys(item.layer.path for item in items))


def of_tensors(
    case: Case,
    code: str,
    why: Callable[[Changed], str | None],
    says: Callable[[str, bool], str],
    advice: str,
    confidence: float = 1.0,
) -> Iterator[Diagnosis]:
    """One diagnosis for all tensors of which a rule knows why they differ.

    Args:
        case: what is left of it is looked at, and claimed where it is explained.
        code: of the diagnosis.
        why: the evidence for one tensor; None where the rule does not apply.
        says: the sentence, of the tensors' names and whether there are several.
        advice: what to do.
        confidence: 1.0 for a proof.
    """
    reasons = [(item, reason) for item in case.left if (reason := why(item))]
    if not reasons:
        return
    items = [item for item, _ in reasons]
    case.claim(items)
    yield Diagnosis(
        code=code,
        layers=paths(items),
        confidence=confidence,
        summary=says(some(item.name for item in items), len(items) > 1),
        evidence=lines([f"{item.name}: {reason}" for item, reason in reasons]),
        advice=advice,
    )
