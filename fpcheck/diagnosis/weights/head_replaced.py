"""The body equals the golden's, the last layers do not."""

from fpcheck.diagnosis.case import Case, cosine, matrices
from fpcheck.diagnosis.evidence import Diagnoses, count, diagnosis, layers_of, some

# Above this the head was trained further, not replaced.
_RELATED = 0.5


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where only the last layers with weights have values of another model."""
    items = case.unexplained_tensors
    heads = layers_of(items)
    body_differs = not set(layers_of(case.changed)) <= case.heads
    if not items or body_differs or len(heads) == len(case.weighted):
        return
    resized = [
        f"{item.name} is {list(item.other.shape)} ({case.reference}: {list(item.tensor.shape)})"
        for item in items
        if item.other.shape != item.tensor.shape
    ]
    measured = any(item.both is not None for item in items)
    if not resized and cosine(matrices(items) or items) > _RELATED:
        return
    case.explain_tensors(items)
    alone = set(heads) == {f.layer for f in case.errors if f.level == "weights"}
    body = len(case.weighted) - len(heads)
    reasons = resized or [
        f"the values of the head are unrelated to the {case.reference}'s"
        if measured
        else "only digests of the head are known, so it may have been trained further"
    ]
    yield diagnosis(
        "head-replaced",
        heads,
        f"Only the head differs from the {case.reference}: {some(heads)}"
        f"{'; ' + some(resized, 1) if resized else ''}.",
        [f"{count(body, 'other layer')} with weights: equal to the {case.reference}", *reasons],
        "Load the head too, or record the new one as a version if it is intended.",
        # Shapes are facts; "only" is one if no other tensor differs or is missing.
        confidence=1.0 if resized and alone else 0.9 if resized or measured else 0.6,
    )
