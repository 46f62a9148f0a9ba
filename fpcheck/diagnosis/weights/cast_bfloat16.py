"""Weights that went through bfloat16."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.weights.foretold import foretold
from fpcheck.report.value import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all tensors that are the golden's, rounded."""
    yield from foretold(
        case,
        "cast-bfloat16",
        {"bfloat16": "rounded to bfloat16"},
        "Save and load without a bfloat16 step, or allow it: --tolerance bfloat16.",
    )
