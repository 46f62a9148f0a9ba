"""BatchNormalization whose moving statistics are the initial ones: mean 0, variance 1."""

from collections.abc import Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case, by_layer
from fpcheck.diagnosis.evidence import count, some
from fpcheck.diagnosis.initializers import fresh
from fpcheck.report.report import Diagnosis

_INITIAL = {"moving_mean": 0.0, "moving_variance": 1.0}


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers with initial statistics beside weights that are not fresh."""
    reset: list[str] = []
    kept = 0
    for path, items in by_layer(case.left).items():
        initial = [item for item in items if _is_initial(item)]
        others = [item for item in items if item not in initial]
        settled = any(item.tensor.role in _INITIAL for item in others) or _one_is_right(case, items)
        unloaded = others and all(fresh(case, item) for item in others)
        if initial and not settled and not unloaded:
            case.claim(initial)
            reset.append(path)
            kept += len(items[0].layer.tensors) - len(items)
    if not reset:
        return
    yield Diagnosis(
        code="batchnorm-statistics-reset",
        layers=reset,
        confidence=0.99,
        summary=f"The moving mean is 0 and the moving variance is 1 in {some(reset)}: "
        "the statistics were not loaded.",
        evidence=[
            f"{count(len(reset), 'layer')}: moving statistics are the initial ones",
            f"{count(kept, 'other tensor')} of these layers equal the {case.reference}",
        ],
        advice="Copy all weights, not only trainable_weights; in a training loop, let the "
        "statistics settle before saving.",
    )


def _one_is_right(case: Case, items: list[Changed]) -> bool:
    """Whether mean or variance is as in the golden, and not the initial one."""
    layer = items[0].layer
    for role in _INITIAL.keys() - {item.tensor.role for item in items}:
        held = case.held.get((layer.path, role))
        details = held.details if held is not None else None
        if details is not None and details.statistics.constant != _INITIAL[role]:
            return True
    return False


def _is_initial(item: Changed) -> bool:
    wanted = _INITIAL.get(item.tensor.role)
    if wanted is None or item.both is None:
        return False
    golden, candidate = item.both
    return candidate.statistics.constant == wanted != golden.statistics.constant
