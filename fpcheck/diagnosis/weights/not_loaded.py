"""Layers with fresh initial values: their weights were never loaded."""

from collections.abc import Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case, by_layer, cosine, is_constant
from fpcheck.diagnosis.evidence import count, lines, some
from fpcheck.diagnosis.initializers import FEWEST_VALUES, fresh, was_fresh
from fpcheck.diagnosis.weights.fine_tuned import RELATED
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers whose changed tensors all look freshly initialised."""
    found: list[str] = []
    told: list[str] = []
    for path, items in by_layer(case.left).items():
        reasons = _fresh(case, items)
        if reasons:
            found.append(path)
            case.claim(items)
            told += [f"{i.name}: {reason}" for i, reason in zip(items, reasons, strict=True)]
    if not found:
        return
    every = case.are_all(found)
    verb = "was" if len(found) == 1 else "were"
    summary = "No layer was" if every else f"{some(found)} {verb} never"
    yield Diagnosis(
        code="not-loaded",
        layers=found,
        confidence=0.97,
        summary=f"{summary} loaded: fresh initial values.",
        evidence=lines([f"{count(len(found), 'layer')} of {len(case.weighted)} with weights",
                        *told, *_renamed(case)]),
        advice="Check names when loading by name, and what skip_mismatch skipped; then load the "
        "weights again.",
    )  # fmt: skip


def _fresh(case: Case, items: list[Changed]) -> list[str]:
    """Why each tensor of a layer looks fresh; empty where one does not."""
    # The first tensor is what makes the layer: a kernel, a gamma. Zeros in a bias alone say little.
    first = items[0].layer.tensors[0]
    if not any(item.tensor.index == first.index for item in items):
        return []
    # Values drawn anew have nothing to do with others that were hardly trained.
    drawn = [item for item in items if not is_constant(item)]
    if drawn and all(was_fresh(case, i) for i in drawn) and cosine(drawn) >= RELATED:
        return []
    reasons = [fresh(case, item) for item in items]
    small = [
        item.candidate.details is not None
        and item.candidate.details.statistics.count < FEWEST_VALUES
        and not is_constant(item)
        for item in items
    ]
    # A kernel of a few values shows no distribution; the fresh tensors beside it tell.
    if sum(map(bool, reasons)) > sum(small):
        reasons = [r or ("too few values to tell" if s else None)
                   for r, s in zip(reasons, small, strict=True)]  # fmt: skip
    return [reason for reason in reasons if reason] if all(reasons) else []


def _renamed(case: Case) -> list[str]:
    renamed = case.pairing.renamed
    if not renamed:
        return []
    first = renamed[0]
    return [f"{count(len(renamed), 'layer')} renamed, such as {first.golden.path}, now "
            f"{first.candidate.path}: loading by name finds none of them"]  # fmt: skip
