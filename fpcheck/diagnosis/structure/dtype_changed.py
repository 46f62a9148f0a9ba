"""Layers compute in another type than the golden's."""

from collections import Counter
from collections.abc import Iterator

from fpcheck.comparison.tolerance import is_quantized
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count, lines, some
from fpcheck.report.report import Diagnosis

_MAP = "a DTypePolicyMap"


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers of another type; quantised ones are told elsewhere."""
    every = case.found("dtype-changed")
    quantized = {f.layer for f in every if is_quantized(str(f.actual))}
    found = [f for f in every if f.layer not in quantized]
    stored = [f for f in case.found("tensor-dtype-changed") if f.layer not in quantized]
    told = found or stored
    if not told:
        return
    case.tell([*found, *stored])
    kinds = Counter((_named(f.expected), _named(f.actual)) for f in told)
    (was, now), _ = kinds.most_common(1)[0]
    layers = list(dict.fromkeys(f.layer for f in told if f.layer))
    yield Diagnosis(
        code="dtype-changed",
        layers=layers,
        confidence=1.0,
        summary=f"{some(layers)} {_does(bool(found), len(layers) == 1)} in {now}, in the "
        f"{case.reference} in {was}.",
        evidence=lines([f"{count(n, 'layer' if found else 'tensor')}: {a} instead of {b}"
                        for (b, a), n in kinds.items()]),
        advice=f"Build the model {_under(was)}, or record it as a golden of its own.",
    )  # fmt: skip


def _named(policy: object) -> str:
    """A policy as people call it; a map of policies is shown as a finding, part by part."""
    return _MAP if isinstance(policy, dict) else str(policy)


def _under(policy: str) -> str:
    return "with that map" if policy == _MAP else f"under keras.config.set_dtype_policy('{policy}')"


def _does(computes: bool, one: bool) -> str:
    verb = "compute" if computes else "keep"
    return f"{verb}{'s' if one else ''}{'' if computes else ' values'}"
