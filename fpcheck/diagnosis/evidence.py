"""How a diagnosis is built, and the wording that rules share."""

from collections.abc import Callable, Iterable, Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.report.result import Diagnosis
from fpcheck.wording import some as some

# What a rule yields.
Diagnoses = Iterator[Diagnosis]
# More lines of evidence are counted; one more is shown, which takes no more space than its count.
MOST_LINES = 5


def diagnosis(
    code: str,
    layers: Iterable[str | None],
    summary: str,
    evidence: Iterable[str],
    advice: str,
    confidence: float = 1.0,
) -> Diagnosis:
    """A diagnosis that names each layer once and shows the first lines of its evidence.

    Args:
        code: its stable code.
        layers: paths in the golden; None is left out.
        summary: one sentence: what happened, and where.
        evidence: what the diagnosis is based on, a line each.
        advice: what to do.
        confidence: 1.0 for a proof.
    """
    names = list(dict.fromkeys(path for path in layers if path))
    return Diagnosis(code, names, confidence, summary, first_lines(evidence), advice)


def diagnose_tensors(
    case: Case,
    code: str,
    reason: Callable[[Changed], str | None],
    summary: str,
    advice: str,
    confidence: float = 1.0,
) -> Diagnoses:
    """One diagnosis for all changed tensors that a rule can explain.

    Args:
        case: its unexplained tensors are examined.
        code: of the diagnosis.
        reason: the evidence for one tensor; None where the rule does not apply.
        summary: the sentence; `{names}` stands for the tensors, `{reference}` for the golden.
        advice: what to do.
        confidence: 1.0 for a proof.
    """
    reasons = [(item, text) for item in case.unexplained_tensors if (text := reason(item))]
    if reasons:
        items = [item for item, _ in reasons]
        case.explain_tensors(items)
        names = some(item.name for item in items)
        summary = summary.format(names=names, reference=case.reference)
        evidence = [f"{item.name}: {text}" for item, text in reasons]
        yield diagnosis(code, layers_of(items), summary, evidence, advice, confidence)


def count(number: int, word: str) -> str:
    """`1 layer`, `3 layers`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def times(number: int) -> str:
    """`once`, `3 times`."""
    return "once" if number == 1 else f"{number} times"


def name_layers(case: Case, layers: list[str]) -> str:
    """A few names, or `all layers` where these are all layers with weights."""
    return "all layers" if case.are_all(layers) else some(layers)


def or_allow(case: Case, row: str) -> str:
    """`, or allow it: --tolerance float16`; empty for `diff`, which has no such option."""
    return f", or allow it: --tolerance {row}" if case.reference == "golden" else ""


def or_choose(case: Case, label: str) -> str:
    """`: --golden NAME`, which makes advice on another golden a command; ` (NAME)` for `diff`."""
    return f": --golden {label}" if case.reference == "golden" else f" ({label})"


def first_lines(texts: Iterable[str]) -> list[str]:
    """The first lines of evidence, and how many more there are."""
    every = list(texts)
    more = len(every) - MOST_LINES
    return every if more <= 1 else [*every[:MOST_LINES], f"and {more} more"]


def layers_of(items: Iterable[Changed]) -> list[str]:
    """The layers of changed tensors, each once."""
    return list(dict.fromkeys(item.layer.path for item in items))
