"""The same model, computed with other rounding: versions, backend, settings, processor."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import some, tolerating
from fpcheck.report.report import Diagnosis

# Rounding to 10 bits was measured to make up to 3e-3, to 7 bits (bfloat16) 4e-2.
_USUAL, _COARSEST = 1e-2, 0.1


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where outputs alone differ, and by no more than rounding may."""
    golden, candidate = case.golden.outputs, case.candidate.outputs
    if golden is None or candidate is None or not case.only_outputs:
        return
    differences = [f.actual for f in case.found("output-changed")]
    if len(differences) < len(case.errors) or not max(differences, default=1.0) <= _COARSEST:
        return
    usual = max(differences) <= _USUAL
    ours, theirs = golden.environment, candidate.environment
    keys = sorted(k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k))
    told = [
        f"{k}: {theirs.get(k, 'not set')}, {case.reference} {ours.get(k, 'not set')}" for k in keys
    ]
    yield Diagnosis(
        code="numeric-environment",
        layers=[],
        confidence=(0.8 if usual else 0.5) if told else 0.4,
        summary=f"Structure and weights are the {case.reference}'s; outputs differ by "
        f"{max(differences):.2g} of their RMS, as other rounding makes it"
        f"{': ' + some(told, 2) if told else ''}.",
        evidence=told[:5] or ["versions and settings that fpcheck knows of are equal"],
        advice=f"Compute as the {case.reference} was (TF32 off, same backend)"
        f"{tolerating(case, 'choose a wider class with', 'tf32')}.",
    )
