"""Diagnoses: one short rule a cause.

A rule takes a case and yields a diagnosis or nothing. A new rule is one new module in the folder of
its level, with a function `diagnose` and its line in the `RULES` there.
"""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.divergence import whole
from fpcheck.diagnosis import outputs, structure, weights
from fpcheck.diagnosis.case import Case, Neighbours, nobody
from fpcheck.diagnosis.outputs import numeric_environment
from fpcheck.diagnosis.structure import wrong_architecture
from fpcheck.diagnosis.weights import other_checkpoint
from fpcheck.report.report import Diagnosis

Rule = Callable[[Case], Iterator[Diagnosis]]

# What is told of outputs first: a graph with training=True is no mere change of configuration.
# Rounding is all that is left to say of outputs where no other rule explains them.
RULES: tuple[Rule, ...] = (
    *outputs.RULES, *weights.RULES, *structure.RULES, numeric_environment.diagnose
)  # fmt: skip


def diagnose(
    comparison: Comparison, neighbours: Neighbours = nobody, reference: str = "golden"
) -> list[Diagnosis]:
    """All diagnoses, most certain first; of equal ones, the one that explains most findings.

    A comparison without errors has none.

    Args:
        comparison: what differs.
        neighbours: other goldens that the candidate may be.
        reference: what sentences call the side that is compared with.
    """
    if not comparison.errors:
        return []
    case = Case(comparison, neighbours, reference)
    # Of another model, nothing else is worth saying.
    for rule in (other_checkpoint.diagnose_equal, wrong_architecture.diagnose):
        if other := list(rule(case)):
            return other
    found = [diagnosis for rule in RULES for diagnosis in rule(case)]
    found.sort(key=lambda d: (-d.confidence, -_explained(comparison, d)))
    # A person knows the LSTM, not the cell inside it; the evidence names the tensor itself.
    structure = comparison.golden.structure
    return [
        replace(d, layers=list(dict.fromkeys(whole(structure, path) for path in d.layers)))
        for d in found
    ]


def _explained(comparison: Comparison, diagnosis: Diagnosis) -> int:
    layers = set(diagnosis.layers)
    return sum(finding.layer in layers for finding in comparison.errors)
