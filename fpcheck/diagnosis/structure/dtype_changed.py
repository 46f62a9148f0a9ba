"""Layers compute, or store their weights, in another type than the golden's."""

from collections import Counter

from fpcheck.comparison.tolerance import is_quantized
from fpcheck.diagnosis.case import Case, Diagnoses, count, diagnosis, some

_MAP = "a DTypePolicyMap"


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers of another type; `quantized` reports quantised ones."""
    policies = case.unexplained("dtype-changed")
    quantized = {f.layer for f in policies if is_quantized(str(f.actual))}
    computed = [f for f in policies if f.layer not in quantized]
    stored = [f for f in case.unexplained("tensor-dtype-changed") if f.layer not in quantized]
    findings = computed or stored
    if not findings:
        return
    case.explain([*computed, *stored])
    # A policy as users call it; the findings show the parts of a map of policies.
    sides = ((f.expected, f.actual) for f in findings)
    kinds = Counter(tuple(_MAP if isinstance(p, dict) else str(p) for p in s) for s in sides)
    (was, now), _ = kinds.most_common(1)[0]
    layers = dict.fromkeys(f.layer for f in findings if f.layer)
    what, unit = ("dtype", "layer") if computed else ("weight dtype", "tensor")
    build = "with that map" if was == _MAP else f"under keras.config.set_dtype_policy('{was}')"
    yield diagnosis(
        "dtype-changed",
        layers,
        f"The {what} of {some(layers)} is {now} ({case.reference}: {was}).",
        [f"{count(n, unit)}: {new} instead of {old}" for (old, new), n in kinds.items()],
        f"Build the model {build}, or record it as a golden of its own.",
    )
