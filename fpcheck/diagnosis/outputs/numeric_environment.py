"""The model is the same, but rounding differs: versions, backend, settings, processor."""

from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis, some

# Measured: rounding to 10 bits gives up to 3e-3, to 7 bits (bfloat16) up to 4e-2.
_USUAL, _COARSEST = 1e-2, 0.1


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where only outputs differ, and by no more than rounding can cause."""
    golden, candidate = case.golden.outputs, case.candidate.outputs
    if golden is None or candidate is None or not case.only_outputs:
        return
    differences = [f.actual for f in case.unexplained("output-changed")]
    largest = max(differences, default=1.0)
    if len(differences) < len(case.errors) or not largest <= _COARSEST:
        return
    was, now = golden.environment, candidate.environment
    changes = [
        f"{key} differs: {now.get(key, 'not set')} ({case.reference}: {was.get(key, 'not set')})"
        for key in sorted(was.keys() | now.keys())
        if was.get(key) != now.get(key)
    ]
    yield diagnosis(
        "numeric-environment",
        [],
        f"Structure and weights match; outputs differ by {largest:.2g} of their RMS, "
        f"which rounding can cause{': ' + some(changes, 2) if changes else ''}.",
        changes or ["the versions and settings that fpcheck knows are equal"],
        f"Run in the {case.reference}'s environment (same backend, TF32 off)"
        f"{case.or_allow('tf32')}.",
        confidence=(0.8 if largest <= _USUAL else 0.5) if changes else 0.4,
    )
