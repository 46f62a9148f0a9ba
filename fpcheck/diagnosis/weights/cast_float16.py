"""Weights that were rounded to float16."""

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import Diagnoses, or_allow
from fpcheck.diagnosis.weights.known_mistakes import diagnose_mistake


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all tensors that are the golden's, rounded."""
    advice = f"Save and load without a float16 step{or_allow(case, 'float16')}."
    yield from diagnose_mistake(case, "cast-float16", {"float16": "rounded to float16"}, advice)
