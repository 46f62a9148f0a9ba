"""BatchNormalization whose moving statistics are the initial ones: mean 0, variance 1."""

from collections.abc import Iterator

from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.weights import Changed
from fpcheck.diagnosis.evidence import by_layer, changed_tensors, count, some
from fpcheck.report.value import Diagnosis

_INITIAL = {"moving_mean": 0.0, "moving_variance": 1.0}


def diagnose(comparison: Comparison) -> Iterator[Diagnosis]:
    """One diagnosis for all layers whose changed tensors are statistics at their initial values."""
    reset: list[str] = []
    kept = 0
    for path, items in by_layer(changed_tensors(comparison)).items():
        if all(_is_initial(item) for item in items):
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
            f"{count(len(reset), 'layer')}: only moving_mean and moving_variance differ",
            f"{count(kept, 'other tensor')} of these layers equal the golden",
        ],
        advice="Copy all weights, not only trainable_weights; in a training loop, let the "
        "statistics settle before saving.",
    )


def _is_initial(item: Changed) -> bool:
    wanted = _INITIAL.get(item.tensor.role)
    details = item.candidate.details
    if wanted is None or details is None or item.tensor.trainable:
        return False
    return details.statistics.constant == wanted
