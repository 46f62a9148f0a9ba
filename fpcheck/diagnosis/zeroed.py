"""Tensors that are zero, wholly or in part, where the golden's are not: a damaged copy."""

from collections.abc import Iterator

from fpcheck.comparison.compare import Comparison
from fpcheck.diagnosis.evidence import changed_tensors, some
from fpcheck.fingerprint.structure import Tensor
from fpcheck.report.value import Diagnosis

# A share of zeros beyond the golden's that no rounding or training makes by itself.
FEWEST_NEW_ZEROS = 0.01


def _is_kernel(tensor: Tensor) -> bool:
    return len(tensor.shape) >= 2 and "float" in tensor.dtype


def diagnose(comparison: Comparison) -> Iterator[Diagnosis]:
    """One diagnosis for all kernels (rank 2 and more) that lost values to zero."""
    told: list[str] = []
    layers: list[str] = []
    for item in changed_tensors(comparison):
        golden, candidate = item.golden.details, item.candidate.details
        if golden is None or candidate is None or not _is_kernel(item.tensor):
            continue
        new = candidate.statistics.zeros - golden.statistics.zeros
        if new > FEWEST_NEW_ZEROS * max(1, golden.statistics.count):
            share = new / golden.statistics.count
            told.append(f"{item.layer.path}/{item.tensor.role}: {share:.0%} newly zero")
            layers.append(item.layer.path)
    if told:
        yield Diagnosis(
            code="zeroed",
            layers=list(dict.fromkeys(layers)),
            confidence=0.9,
            summary=f"Values are exactly 0 where the golden has none: {some(told, 2)}.",
            evidence=told[:5],
            advice="The copy is damaged, or a loader left a part out: get the file again.",
        )
