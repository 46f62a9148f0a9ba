"""Weights that were rounded to a few steps, or that the model stores as small integers."""

from fpcheck.comparison.tolerance import is_quantized
from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case, Diagnoses, count, diagnose_tensors, diagnosis, some

_CODE = "quantized"


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for layers of a quantised type, one for floats on a grid."""
    allow = case.or_allow("int8")
    advice = f"If that is intended, record the quantised model as a golden of its own{allow}."
    kinds = {
        pair.golden.path: pair.candidate.dtype
        for pair in case.pairing.pairs
        if is_quantized(pair.candidate.dtype) and not is_quantized(pair.golden.dtype)
    }
    if kinds:
        case.explain(i for i in case.unexplained_tensors if i.layer.path in kinds)
        kind = next(iter(kinds.values()))
        share = f"{count(len(kinds), 'layer')} of {len(case.pairing.pairs)}"
        summary = f"The weights of {some(kinds)} are quantised: {kind}."
        yield diagnosis(_CODE, kinds, summary, [f"{share}: {kind}"], advice)
    summary = "The values of {names} were rounded to a few steps."
    yield from diagnose_tensors(case, _CODE, lambda item: _grid(case, item), summary, advice, 0.98)


def _grid(case: Case, item: Changed) -> str | None:
    undone = case.undone(item)
    if undone is None or undone.how != "quantized":
        return None
    where = f" for each slice along axis {undone.axes[0]}" if undone.axes else ""
    return (
        f"its values are on a grid of at most {undone.figure:.0f} steps{where}; the distance to "
        f"the {case.reference}, {undone.left:.2g}, fits such rounding"
    )
