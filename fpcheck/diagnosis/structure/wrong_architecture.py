"""Another model; names the golden that it equals or is most similar to."""

import math
from contextlib import suppress

from fpcheck.comparison.likeness import LEAST_SIMILAR, likeness
from fpcheck.diagnosis.case import Case, Diagnoses, count, diagnosis
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import digest

# With a smaller share of common layers it is another model; with a larger one, the edited golden.
_OTHER, _EDITED = 0.5, 0.9
# How many goldens of similar size are read completely.
_MOST_READ = 8


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where most layers differ, or where another golden has the same structure."""
    was, now = case.golden.structure, case.candidate.structure
    size = max(len(was.layers), len(now.layers), 1)
    same = sum(p.golden.class_name == p.candidate.class_name for p in case.pairing.pairs)
    codes = ("layer-removed", "layer-added", "class-changed")
    if same > _EDITED * size or not case.unexplained(*codes):
        return
    label, share, equal = _nearest(case)
    if not equal and same > _OTHER * size:
        return
    what = f"it has the structure of the golden {label}" if equal else "it is another model"
    both = f"{count(len(was.layers), 'layer')} in the {case.reference}, {len(now.layers)} here"
    near = f"nearest golden: {label}; {share:.0%} of the layers with weights have equal shapes"
    right = f"right golden{case.or_choose(label) if label else ''}"
    yield diagnosis(
        "wrong-architecture",
        [],
        f"Only {same} of {count(size, 'layer')} match the {case.reference}: {what}.",
        [both, what if equal else near] if label else [both],
        f"Compare with the {right}, or build the right model.",
        confidence=1.0 if equal else 0.97,
    )


def _nearest(case: Case) -> tuple[str, float, bool]:
    """Label of the most similar golden, its similarity, and whether its structure is equal.

    The label is empty if no other golden is more similar than the one compared with, or similar
    enough to be named.
    """
    candidate = case.candidate.structure
    shape, size = digest.text(candidate.shape_digest), candidate.parameters
    others = list(case.neighbours())
    for other in others:
        if other.shape == shape:
            return other.label, 1.0, True
    best, most = "", likeness(case.golden.structure, candidate)
    others.sort(key=lambda other: abs(math.log((other.parameters + 1) / (size + 1))))
    for other in others[:_MOST_READ]:
        with suppress(FpcheckError):  # `fpcheck verify` reports damaged goldens
            similarity = likeness(other.load().structure, candidate)
            if similarity >= LEAST_SIMILAR and similarity > most:
                best, most = other.label, similarity
    return best, most if best else 0.0, False
