"""Weights that are close to the golden's in all values: trained further."""

import numpy as np

from fpcheck.comparison.weight_findings import relative_distance
from fpcheck.diagnosis.case import Case, Diagnoses, by_layer, count, diagnosis
from fpcheck.diagnosis.relatedness import RELATED, cosine, matrices


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers whose values are related to the golden's."""
    measured = [item for item in case.unexplained_tensors if item.both is not None]
    whole = cosine(matrices(measured)) >= RELATED
    items = [
        item
        for group in by_layer(measured).values()
        # A layer of vectors alone shows little by itself.
        if cosine(matrices(group) or group) >= RELATED or (whole and not matrices(group))
        for item in group
    ]
    if not items:
        return
    case.explain(items)
    distances = [d for i in items if i.both and np.isfinite(d := relative_distance(*i.both))]
    layers, every = by_layer(items), len(case.weighted)
    yield diagnosis(
        "fine-tuned",
        layers,
        f"The weights of {case.name_layers(layers)} are close to the {case.reference}'s: trained "
        "further, or changed a little everywhere.",
        [
            f"{count(len(layers), 'layer')} of {every}: cosine with the {case.reference} "
            f"{cosine(items):.3g}",
            f"relative distance {min(distances):.2g} to {max(distances):.2g}, "
            f"median {np.median(distances):.2g}",
        ],
        "Load the approved checkpoint, or record this one as a new version.",
        confidence=0.85 if len(layers) > 0.5 * max(1, every) else 0.7,
    )
