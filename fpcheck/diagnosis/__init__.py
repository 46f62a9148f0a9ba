"""Diagnoses: one short rule a cause.

A rule takes a comparison and yields a diagnosis or nothing. A new rule is one new module here,
with a function `diagnose` and its line in `RULES`.
"""

from collections.abc import Callable, Iterator

from fpcheck.comparison.compare import Comparison
from fpcheck.diagnosis import (
    batchnorm_statistics_reset,
    config_changed,
    layers_added,
    layers_removed,
    layers_swapped,
    mistaken_tensor,
    non_finite,
    not_loaded,
    preprocessing_changed,
    zeroed,
)
from fpcheck.report.value import Diagnosis

Rule = Callable[[Comparison], Iterator[Diagnosis]]

RULES: tuple[Rule, ...] = (
    mistaken_tensor.diagnose,
    layers_swapped.diagnose,
    batchnorm_statistics_reset.diagnose,
    not_loaded.diagnose,
    zeroed.diagnose,
    non_finite.diagnose,
    config_changed.diagnose,
    layers_removed.diagnose,
    layers_added.diagnose,
    preprocessing_changed.diagnose,
)


# Diagnoses that account for every value of the tensors they name.
PROOFS = frozenset({m.code for m in mistaken_tensor.MISTAKES.values()} | {"layers-swapped"})


def diagnose(comparison: Comparison) -> list[Diagnosis]:
    """All diagnoses, most certain first; of equal ones, the one that explains most layers.

    A comparison without errors has none.
    """
    if not comparison.errors:
        return []
    found = [diagnosis for rule in RULES for diagnosis in rule(comparison)]
    # What is proved of a layer's tensors needs no guess beside it.
    proved = {
        layer for d in found if d.confidence == 1.0 and d.code in PROOFS for layer in d.layers
    }
    found = [d for d in found if d.confidence == 1.0 or not d.layers or not proved >= set(d.layers)]
    return sorted(found, key=lambda d: (-d.confidence, -len(d.layers)))
