"""Layers with fresh initial values: their weights were never loaded."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case, Changed, Diagnoses, by_layer, count, diagnosis
from fpcheck.diagnosis.initializers import FEWEST_VALUES, describe_fresh
from fpcheck.diagnosis.relatedness import RELATED, cosine


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers whose changed tensors all look freshly initialised."""
    reasons = {
        path: texts
        for path, items in by_layer(case.unexplained_tensors).items()
        if (texts := _reasons(case, items))
    }
    if not reasons:
        return
    case.explain(i for i in case.unexplained_tensors if i.layer.path in reasons)
    yield diagnosis(
        "not-loaded",
        reasons,
        f"Fresh initial values in {case.name_layers(reasons)}: the weights were not loaded.",
        [
            f"{count(len(reasons), 'layer')} of {len(case.weighted)} with weights",
            *(text for texts in reasons.values() for text in texts),
            *_renamed(case),
        ],
        "Check names when loading by name, and what skip_mismatch skipped; then load the "
        "weights again.",
        confidence=0.97,
    )


def _reasons(case: Case, items: list[Changed]) -> list[str]:
    """Why each tensor of a layer looks fresh; empty if one does not."""
    # The first tensor must be fresh: a kernel, a gamma. Zeros in a bias alone prove little.
    first = items[0].layer.tensors[0]
    if not any(item.tensor.index == first.index for item in items):
        return []
    # New random values are unrelated to the golden's; these were hardly trained, then trained on.
    drawn = [item for item in items if not item.constant]
    trained = not all(i.both and describe_fresh(case, i, i.golden.details) for i in drawn)
    if drawn and not trained and cosine(drawn) >= RELATED:
        return []
    reasons = [describe_fresh(case, item, item.candidate.details) for item in items]
    small = [_is_small(item) for item in items]
    # A few values show no distribution; the fresh tensors in the same layer decide.
    if sum(map(bool, reasons)) > sum(small):
        pairs = zip(reasons, small, strict=True)
        reasons = [text or ("too few values to decide" if few else None) for text, few in pairs]
    named = zip(items, reasons, strict=True)
    return [f"{item.name}: {text}" for item, text in named] if all(reasons) else []


def _is_small(item: Changed) -> bool:
    details = item.candidate.details
    small = details is not None and details.statistics.count < FEWEST_VALUES
    return small and not item.constant


def _renamed(case: Case) -> Iterator[str]:
    if renamed := case.pairing.renamed:
        golden, candidate = renamed[0].golden.path, renamed[0].candidate.path
        number = count(len(renamed), "layer")
        yield f"{number} renamed, such as {golden} to {candidate}: loading by name skips them"
