"""NaN or infinite weights."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all tensors with values that are no numbers."""
    found = [f for f in case.found("non-finite") if f.level == "weights"]
    if found:
        places = {f.where for f in found}
        case.claim(item for item in case.left if item.name in places)
        yield Diagnosis(
            code="non-finite",
            layers=list(dict.fromkeys(f.layer for f in found if f.layer)),
            confidence=1.0,
            summary=f"NaN or infinite values in {some(f.where for f in found)}.",
            evidence=[f"{f.where}: {f.actual} such values, the {case.reference} has "
                      f"{f.expected or 'none'}"
                      for f in found[:5]],
            advice="Find where they arise: training that diverged, or an overflow in float16.",
        )  # fmt: skip
