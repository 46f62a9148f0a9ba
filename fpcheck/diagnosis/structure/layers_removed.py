"""Layers that the golden has and the candidate lacks: the top of the model, or others."""

from fpcheck.diagnosis.case import Case, Diagnoses, count, diagnosis, some


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all removed layers."""
    removed = [f.layer for f in case.unexplained("layer-removed") if f.layer]
    if not removed or not case.pairing.pairs or case.lacks_architecture:
        return
    what, advice = count(len(removed), "layer") + " of", "Build the missing layers."
    if is_top(case, removed):
        what, advice = "the top of", "Build it with include_top=True."
    yield diagnosis(
        "layers-removed",
        removed,
        f"The model lacks {what} the {case.reference}: {some(removed, 5)}.",
        [f"{len(case.pairing.pairs)} of {len(case.layers)} layers are present"],
        advice,
    )


def is_top(case: Case, removed: list[str]) -> bool:
    """Whether these layers are the end of the golden, and no layer replaces them."""
    ends = {port.source.layer for port in case.golden.structure.outputs if port.source is not None}
    at_end = set(list(case.layers)[-len(removed) :]) == set(removed)
    return at_end and bool(ends) and ends <= set(removed) and not case.pairing.added
