"""BatchNormalization whose moving statistics have their initial values: mean 0, variance 1."""

from fpcheck.diagnosis.case import Case, Changed, Diagnoses, by_layer, count, diagnosis, some
from fpcheck.diagnosis.initializers import describe_fresh

_INITIAL = {"moving_mean": 0.0, "moving_variance": 1.0}


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers with initial statistics and loaded weights."""
    reset: dict[str, int] = {}  # by layer, how many of its tensors equal the golden's
    for path, items in by_layer(case.unexplained_tensors).items():
        initial = [item for item in items if _is_initial(item)]
        others = [item for item in items if item not in initial]
        loaded = any(item.tensor.role in _INITIAL for item in others) or _one_equals(case, items)
        fresh = others and all(describe_fresh(case, i, i.candidate.details) for i in others)
        if initial and not loaded and not fresh:
            case.explain(initial)
            reset[path] = len(items[0].layer.tensors) - len(items)
    if reset:
        equal = sum(reset.values())
        yield diagnosis(
            "batchnorm-statistics-reset",
            reset,
            f"The moving mean is 0 and the moving variance is 1 in {some(reset)}: "
            "the statistics were not loaded.",
            [
                f"{count(len(reset), 'layer')}: the moving statistics have their initial values",
                f"{count(equal, 'other tensor')} of these layers equal the {case.reference}",
            ],
            "Copy all weights, not only trainable_weights; in a training loop, let the "
            "statistics settle before saving.",
            confidence=0.99,
        )


def _one_equals(case: Case, items: list[Changed]) -> bool:
    """Whether mean or variance equals the golden's, and is not the initial one."""
    roles = _INITIAL.keys() - {item.tensor.role for item in items}
    tensors = {role: case.golden_tensors.get((items[0].layer.path, role)) for role in roles}
    return any(
        golden and golden.details and golden.details.statistics.constant != _INITIAL[role]
        for role, golden in tensors.items()
    )


def _is_initial(item: Changed) -> bool:
    initial = _INITIAL.get(item.tensor.role)
    if initial is None or item.both is None:
        return False
    golden, candidate = item.both
    return candidate.statistics.constant == initial != golden.statistics.constant
