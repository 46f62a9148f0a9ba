"""Tensors of the golden that the candidate lacks."""

from fpcheck.diagnosis.case import Case, Diagnoses, count, diagnosis, some


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all tensors that are missing from layers that are present."""
    # Without an architecture no layer is known to be removed, so its tensors count.
    removed = set() if case.lacks_architecture else {la.path for la in case.pairing.removed}
    findings = (f for f in case.unexplained("tensor-missing") if f.layer not in removed)
    names = list(dict.fromkeys(f.where for f in findings))
    if not names:
        return
    layers = [name.rpartition("/")[0] for name in names]
    # A configuration that differs is the cause. A tensor without a layer may be a missing one.
    configured = {f.layer for f in case.unexplained("config-changed")} >= set(layers)
    unplaced = case.lacks_architecture and case.unexplained("tensor-added")
    yield diagnosis(
        "tensors-missing",
        layers,
        f"The model lacks {count(len(names), 'tensor')} of the {case.reference}: {some(names)}.",
        [f"{name}: missing{_found_in(case, name)}" for name in names],
        "Look for layers that Keras does not track (in nested lists, or made in call), and save "
        "again with a version of Keras that tracks them.",
        confidence=0.9 if configured or unplaced else 1.0,
    )


def _found_in(case: Case, name: str) -> str:
    layer, _, role = name.rpartition("/")
    place = case.elsewhere.get(case.digest(layer, role) or b"")
    return f"; {place} has its values" if place else ""
