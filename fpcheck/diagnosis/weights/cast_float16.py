"""Weights that went through float16."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import tolerating
from fpcheck.diagnosis.weights.foretold import foretold
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all tensors that are the golden's, rounded."""
    yield from foretold(
        case,
        "cast-float16",
        {"float16": "rounded to float16"},
        f"Save and load without a float16 step{tolerating(case, 'allow it:', 'float16')}.",
    )
