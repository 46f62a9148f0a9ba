"""Tensors of the golden that the candidate has no more."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count, lines, some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all tensors missing from layers that are there."""
    # Without an architecture no layer is known to be removed: its tensors are not there.
    removed = set() if case.bare else {layer.path for layer in case.pairing.removed}
    names = list(dict.fromkeys(
        f.where for f in case.found("tensor-missing") if f.layer not in removed
    ))  # fmt: skip
    if not names:
        return
    layers = list(dict.fromkeys(name.rpartition("/")[0] for name in names))
    set_otherwise = {f.layer for f in case.found("config-changed")}
    # What has no place may be what another place lacks.
    unplaced = case.bare and case.found("tensor-added")
    yield Diagnosis(
        code="tensors-missing",
        layers=layers,
        # Where the configuration says why, that is the cause.
        confidence=0.9 if set_otherwise >= set(layers) or unplaced else 1.0,
        summary=f"{count(len(names), 'tensor')} of the {case.reference} missing: {some(names)}.",
        evidence=lines([f"{name}: not there{_instead(case, name)}" for name in names]),
        advice="Look for layers kept where Keras does not track them (in nested lists, or made in "
        "call), and save again with a version of Keras that keeps them.",
    )


def _instead(case: Case, name: str) -> str:
    layer, _, role = name.rpartition("/")
    held = case.held.get((layer, role))
    place = case.elsewhere.get(held.digest) if held is not None else None
    return f"; its values are those of {place}" if place else ""
