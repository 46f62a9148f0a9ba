"""Layers compute in another type than the golden's."""

from collections import Counter
from collections.abc import Iterator

from fpcheck.comparison.tolerance import is_quantized
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count, lines, some
from fpcheck.report.value import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers of another type; quantised ones are told elsewhere."""
    found = [f for f in case.found("dtype-changed") if not is_quantized(str(f.actual))]
    stored = case.found("tensor-dtype-changed")
    told = found or stored
    if not told:
        return
    case.tell([*found, *stored])
    kinds = Counter((str(f.expected), str(f.actual)) for f in told)
    (was, now), _ = kinds.most_common(1)[0]
    layers = list(dict.fromkeys(f.layer for f in told if f.layer))
    yield Diagnosis(
        code="dtype-changed",
        layers=layers,
        confidence=1.0,
        summary=f"{some(layers)} {'computes' if len(layers) == 1 else 'compute'} in {now}, in the "
        f"golden in {was}.",
        evidence=lines([f"{count(n, 'layer')}: {a} instead of {b}" for (b, a), n in kinds.items()]),
        advice=f"Build the model under keras.config.set_dtype_policy('{was}'), or allow it: "
        "--tolerance float16 or bfloat16.",
    )
