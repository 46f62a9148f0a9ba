"""The body is the golden's, the layers at its end are not."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case, cosine, matrices
from fpcheck.diagnosis.evidence import count, paths, some
from fpcheck.report.report import Diagnosis

# Above this the head was trained further, not replaced.
_RELATED = 0.5
_UNKNOWN = "of its values only digests are known, so it may be trained further"


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where only the last layers with weights hold values of another model."""
    items = case.left
    heads = set(paths(items))
    body_differs = not set(paths(case.changed)) <= case.heads
    if not items or body_differs or len(heads) == len(case.weighted):
        return
    resized = [f"{i.name} {list(i.other.shape)}, {case.reference} {list(i.tensor.shape)}"
               for i in items if i.other.shape != i.tensor.shape]  # fmt: skip
    measured = any(i.both is not None for i in items)
    if not resized and cosine(matrices(items) or items) > _RELATED:
        return
    case.claim(items)
    alone = heads == {f.layer for f in case.errors if f.level == "weights"}
    body = len(case.weighted) - len(heads)
    unrelated = f"its values have nothing to do with the {case.reference}'s"
    yield Diagnosis(
        code="head-replaced",
        layers=paths(items),
        # Shapes are facts; "only" is one where no other tensor differs or is missing.
        confidence=1.0 if resized and alone else 0.9 if resized or measured else 0.6,
        summary=f"Only {some(heads)} at the end {'is' if len(heads) == 1 else 'are'} not the "
        f"{case.reference}'s{': ' + some(resized, 1) if resized else ''}.",
        evidence=[f"{count(body, 'layer')} before it {'equal' if body > 1 else 'equals'} the "
                  f"{case.reference}", *(resized or [unrelated if measured else _UNKNOWN])][:5],
        advice="Load the head too, or record the new one as a version if it was meant.",
    )  # fmt: skip
