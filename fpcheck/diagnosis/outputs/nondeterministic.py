"""Equal inputs give different outputs, and no layer is in training mode."""

from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis
from fpcheck.diagnosis.outputs.output_variation import differs_in_training, find_variation


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where outputs vary and no layer in training mode explains it."""
    variation = find_variation(case)
    if variation is None or differs_in_training(case, variation.layer):
        return
    case.explain(case.unexplained("output-changed"))
    where = f" The first layer that varies is {variation.layer}." if variation.layer else ""
    yield diagnosis(
        "nondeterministic",
        [variation.layer],
        f"Outputs vary between equal runs: {variation.text}.{where}",
        [variation.text, f"structure and weights equal the {case.reference}"],
        "Look for random operations, and for state that is kept between calls.",
        confidence=0.95,
    )
