"""Weights that are close to the golden's, in all values: trained further."""

from collections.abc import Iterator

import numpy as np

from fpcheck.comparison.weight_findings import relative_distance
from fpcheck.diagnosis.case import Case, by_layer, cosine, matrices
from fpcheck.diagnosis.evidence import count, paths, some
from fpcheck.report.report import Diagnosis

# Unrelated tensors stay below this, estimated from sketches.
RELATED = 0.6


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers whose values still go with the golden's."""
    left = [item for item in case.left if item.both is not None]
    whole = cosine(matrices(left)) >= RELATED
    related = [
        item
        for items in by_layer(left).values()
        # A layer of vectors alone shows little by itself.
        if cosine(matrices(items) or items) >= RELATED or (whole and not matrices(items))
        for item in items
    ]
    if not related:
        return
    case.claim(related)
    measured = [relative_distance(*item.both) for item in related if item.both]
    distances = [distance for distance in measured if np.isfinite(distance)]
    layers = paths(related)
    share = len(layers) / max(1, len(case.weighted))
    yield Diagnosis(
        code="fine-tuned",
        layers=layers,
        confidence=0.85 if share > 0.5 else 0.7,
        summary=f"{_who(layers, case)} trained further, or otherwise changed a little everywhere.",
        evidence=[
            f"{count(len(layers), 'layer')} of {len(case.weighted)}: cosine with the "
            f"{case.reference} {cosine(related):.3g}",
            f"relative distance {min(distances):.2g} to {max(distances):.2g}, "
            f"{np.median(distances):.2g} in the middle",
        ],
        advice="Load the approved checkpoint, or record this one as a new version.",
    )


def _who(layers: list[str], case: Case) -> str:
    if case.are_all(layers):
        return "All layers were"
    return f"{some(layers)} {'was' if len(layers) == 1 else 'were'}"
