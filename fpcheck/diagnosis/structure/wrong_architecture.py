"""Another model altogether; names the golden that it is, or is nearest to."""

import math
from collections.abc import Iterator
from contextlib import suppress

from fpcheck.comparison.likeness import LEAST_SIMILAR, likeness
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import digest
from fpcheck.report.report import Diagnosis

# Below this share of common layers it is another model; above the other, the golden with edits.
_OTHER, _EDITED = 0.5, 0.9
# Goldens of about the same size that are looked at whole.
_MOST_LOOKED = 8


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where most layers are others, or where another golden is built just so."""
    ours, theirs = case.golden.structure, case.candidate.structure
    size = max(len(ours.layers), len(theirs.layers), 1)
    same = sum(p.golden.class_name == p.candidate.class_name for p in case.pairing.pairs)
    if same > _EDITED * size or not case.found("layer-removed", "layer-added", "class-changed"):
        return
    label, share, built = _nearest(case)
    if not built and same > _OTHER * size:
        return
    told = f"it is built as the golden {label}" if built else "it is another model"
    near = f"nearest golden in reach: {label}, {share:.0%} of the layers with weights are alike"
    named = f": --golden {label}" if case.reference == "golden" else f" ({label})"
    yield Diagnosis(
        code="wrong-architecture",
        layers=[],
        confidence=1.0 if built else 0.97,
        summary=f"Only {same} of {count(size, 'layer')} are the {case.reference}'s: {told}.",
        evidence=[f"{count(len(ours.layers), 'layer')} in the {case.reference}, "
                  f"{len(theirs.layers)} here",
                  *([told if built else near] if label else [])],
        advice=f"Compare with the right golden{named if label else ''}, or build the right model.",
    )  # fmt: skip


def _nearest(case: Case) -> tuple[str, float, bool]:
    """Label of the golden that is likest, how much it is, and whether it is built just so.

    The label is empty where nothing is more like the candidate than the golden that it was compared
    with, or nothing much like it at all.
    """
    theirs = case.candidate.structure
    shape, size = digest.text(theirs.shape_digest), theirs.parameters
    others = list(case.neighbours())
    for other in others:
        if other.shape == shape:
            return other.label, 1.0, True
    best, most = "", likeness(case.golden.structure, theirs)
    others.sort(key=lambda other: abs(math.log((other.parameters + 1) / (size + 1))))
    for other in others[:_MOST_LOOKED]:
        with suppress(FpcheckError):  # a damaged golden is another command's matter
            found = likeness(other.load().structure, theirs)
            if found >= LEAST_SIMILAR and found > most:
                best, most = other.label, found
    return best, most if best else 0.0, False
