"""Layers that hold the weights of another layer of the golden."""

from collections.abc import Iterator

from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.weights import Changed
from fpcheck.diagnosis.evidence import by_layer, changed_tensors, some
from fpcheck.report.value import Diagnosis


def diagnose(comparison: Comparison) -> Iterator[Diagnosis]:
    """One diagnosis for all layers whose changed tensors are all those of one other layer."""
    golden = comparison.golden
    if golden.weights is None:
        return
    owners: dict[tuple[bytes, str], list[str]] = {}
    for (layer, tensor), measured in zip(golden.structure.tensors, golden.weights, strict=True):
        owners.setdefault((measured.digest, tensor.role), []).append(layer.path)
    holds: dict[str, str] = {}
    for path, items in by_layer(changed_tensors(comparison)).items():
        held = [
            set(owners.get((i.candidate.digest, i.tensor.role), ())) - {path}
            for i in items
            if not _is_constant(i)
        ]
        common = set.intersection(*held) if held else set()
        # Where several layers hold the same, it is no telling which one this is.
        if len(common) == 1:
            holds[path] = common.pop()
    if not holds:
        return
    layers = list(holds)
    crosswise = [p for p in layers if holds.get(holds[p]) == p]
    told = [f"{p} holds the weights of {other}" for p, other in holds.items()]
    if crosswise:
        first = crosswise[0]
        summary = f"{first} and {holds[first]} hold each other's weights"
        summary += f"; so do {len(crosswise) // 2 - 1} more pairs." if len(crosswise) > 2 else "."
    else:
        summary = f"{some(told)}."
    yield Diagnosis(
        code="layers-swapped",
        layers=layers,
        confidence=1.0,
        summary=summary,
        evidence=[f"equal digests: {line}" for line in told[:5]],
        advice="Load by name, or create the layers in the order in which they were saved: "
        ".weights.h5 files pair layers by class and order, not by name.",
    )


def _is_constant(item: Changed) -> bool:
    """Zeros and ones are everywhere: they say nothing of whose they are."""
    details = item.candidate.details
    return details is not None and details.statistics.constant is not None
