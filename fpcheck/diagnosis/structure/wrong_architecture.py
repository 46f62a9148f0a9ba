"""Another model altogether; names the golden that it is, or is nearest to."""

from collections.abc import Iterator

from fpcheck.comparison.pairing import pair
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count
from fpcheck.report.value import Diagnosis

# Below this share of common layers it is another model; above the other, the golden with edits.
_OTHER, _EDITED = 0.5, 0.9


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where most layers are others, or where another golden is built just so."""
    ours, theirs = case.golden.structure, case.candidate.structure
    size = max(len(ours.layers), len(theirs.layers), 1)
    same = sum(p.golden.class_name == p.candidate.class_name for p in case.pairing.pairs)
    if same > _EDITED * size or not case.found("layer-removed", "layer-added", "class-changed"):
        return
    label, share, built = _nearest(case, same / size)
    if not built and same > _OTHER * size:
        return
    told = f"it is built as the golden {label}" if built else "it is another model"
    near = told if built else f"nearest golden in reach: {label}, {share:.0%} of its layers"
    yield Diagnosis(
        code="wrong-architecture",
        layers=[],
        confidence=1.0 if built else 0.97,
        summary=f"Only {same} of {count(size, 'layer')} are the golden's: {told}.",
        evidence=[f"{count(len(ours.layers), 'layer')} in the golden, {len(theirs.layers)} here",
                  *([near] if label else [])],
        advice=f"Compare with the right golden{f': --golden {label}' if label else ''}, or build "
        "the right model.",
    )  # fmt: skip


def _nearest(case: Case, least: float) -> tuple[str, float, bool]:
    """Label of the golden that is likest, its share of common layers, and whether it is equal."""
    theirs = case.candidate.structure
    label, share = "", least
    for other, held in case.neighbours():
        if held.structure.shape_key == theirs.shape_key:
            return other, 1.0, True
        pairs = len(pair(held.structure, theirs).pairs)
        likeness = pairs / max(len(held.structure.layers), len(theirs.layers), 1)
        if likeness > share:
            label, share = other, likeness
    return label, share, False
