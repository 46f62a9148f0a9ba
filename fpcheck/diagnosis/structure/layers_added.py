"""Layers that the candidate has and the golden lacks."""

from fpcheck.diagnosis.case import Case, Diagnoses, count, diagnosis, some


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all added layers."""
    findings = case.unexplained("layer-added")
    if findings and case.pairing.pairs and not case.lacks_architecture:
        names = some((f"{f.layer} ({f.actual})" for f in findings), 5)
        yield diagnosis(
            "layers-added",
            [f.layer for f in findings],
            f"The model has {count(len(findings), 'layer')} that the {case.reference} lacks: "
            f"{names}.",
            [f"{len(case.pairing.pairs)} layers of the {case.reference} are present"],
            "Build the model without them, or record it as a new version.",
        )
