"""NaN or infinite weights."""

from collections.abc import Iterator

from fpcheck.comparison.compare import Comparison
from fpcheck.diagnosis.evidence import some
from fpcheck.report.value import Diagnosis


def diagnose(comparison: Comparison) -> Iterator[Diagnosis]:
    """One diagnosis for all tensors with values that are no numbers."""
    found = [f for f in comparison.errors if f.code == "non-finite" and f.level == "weights"]
    if found:
        yield Diagnosis(
            code="non-finite",
            layers=list(dict.fromkeys(f.layer for f in found if f.layer)),
            confidence=1.0,
            summary=f"NaN or infinite values in {some(f.where for f in found)}.",
            evidence=[f"{f.where}: {f.actual} such values, the golden has none" for f in found[:5]],
            advice="Find where they arise: training that diverged, or an overflow in float16.",
        )
