"""Renamed layers: outputs stay the same, but loading by name then loads nothing."""

from fpcheck.diagnosis.case import Case, Diagnoses, count, diagnosis


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis beside others, since a rename changes no output."""
    renamed = case.pairing.renamed
    if renamed and case.errors:
        first = renamed[0]
        yield diagnosis(
            "layers-renamed",
            [pair.golden.path for pair in renamed],
            f"{count(len(renamed), 'layer')} renamed: {first.golden.path} is now "
            f"{first.candidate.path}.",
            [f"layers were paired by {case.pairing.how}; names do not change outputs"],
            "Change nothing for the names alone; load weights by order or path, not by name.",
            confidence=0.3,
        )
