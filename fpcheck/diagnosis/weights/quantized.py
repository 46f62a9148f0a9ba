"""Weights that were rounded to few steps, or that the model keeps as small integers."""

from collections.abc import Iterator

from fpcheck.comparison.tolerance import is_quantized
from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import count, of_tensors, some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for layers of a quantised type, one for floats on a grid."""
    allowing = "allow it with --tolerance int8, or " if case.reference == "golden" else ""
    advice = f"If that is wanted, {allowing}record the quantised model as a golden of its own."
    layers = [
        pair.golden.path
        for pair in case.pairing.pairs
        if is_quantized(pair.candidate.dtype) and not is_quantized(pair.golden.dtype)
    ]
    if layers:
        case.claim(item for item in case.left if item.layer.path in set(layers))
        kind = next(p.candidate.dtype for p in case.pairing.pairs if p.golden.path == layers[0])
        yield Diagnosis(
            code="quantized",
            layers=layers,
            confidence=1.0,
            summary=f"{some(layers)} {'is' if len(layers) == 1 else 'are'} quantised: {kind}.",
            evidence=[f"{count(len(layers), 'layer')} of {len(case.pairing.pairs)}: {kind}"],
            advice=advice,
        )
    yield from of_tensors(
        case, "quantized", lambda item: _on_grid(case, item),
        lambda names, many: f"{names} {'were' if many else 'was'} rounded to few steps.",
        advice, confidence=0.98,
    )  # fmt: skip


def _on_grid(case: Case, item: Changed) -> str | None:
    undone = case.undone(item)
    if undone is None or undone.how != "quantized":
        return None
    where = f" for each slice along axis {undone.axes[0]}" if undone.axes else ""
    return (
        f"its values lie on a grid of at most {undone.figure:.0f} steps{where}, "
        f"{undone.left:.2g} from the {case.reference}, as such rounding makes it"
    )
