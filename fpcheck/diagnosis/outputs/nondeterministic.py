"""The same input gives other outputs each time, and no layer is in training mode."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.outputs.repeated import acts_in_training, unsteady
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where outputs vary and nothing that acts in training explains it."""
    seen = unsteady(case)
    if seen is None or acts_in_training(case, seen.where):
        return
    case.tell(case.found("output-changed"))
    where = f" It starts at {seen.where}." if seen.where else ""
    yield Diagnosis(
        code="nondeterministic",
        layers=[seen.where] if seen.where else [],
        confidence=0.95,
        summary=f"Outputs vary without any change: {seen.says}.{where}",
        evidence=[seen.says, f"structure and weights equal the {case.reference}"],
        advice="Look for random operations and for state that is carried from call to call.",
    )
