"""Diagnoses: one short rule per cause.

A rule examines a case and yields diagnoses. To add one, write a module with a function `diagnose`
in the folder of its level, and add it to `RULES` there.
"""

from collections.abc import Callable

from msgspec.structs import replace

from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.divergence import visible_layer
from fpcheck.diagnosis import outputs, structure, weights
from fpcheck.diagnosis.case import Case, Neighbours, nobody
from fpcheck.diagnosis.evidence import Diagnoses
from fpcheck.diagnosis.outputs import numeric_environment
from fpcheck.diagnosis.structure import wrong_architecture
from fpcheck.diagnosis.weights import other_checkpoint
from fpcheck.report.result import Diagnosis

Rule = Callable[[Case], Diagnoses]

# Outputs come first: training=True in the graph is more than a changed configuration. Rounding
# comes last: it explains only what no other rule does.
RULES: tuple[Rule, ...] = (
    *outputs.RULES,
    *weights.RULES,
    *structure.RULES,
    numeric_environment.diagnose,
)


def diagnose(
    comparison: Comparison, neighbours: Neighbours = nobody, reference: str = "golden"
) -> list[Diagnosis]:
    """All diagnoses, most certain first; of equally certain ones, the one with most findings first.

    A comparison without errors has none.

    Args:
        comparison: what differs.
        neighbours: other goldens that the candidate may equal.
        reference: what messages call the reference side: `golden`, or `first` for `diff`.
    """
    if not comparison.errors:
        return []
    case = Case(comparison, neighbours, reference)
    # If it is another model, nothing else is worth reporting.
    for rule in (other_checkpoint.diagnose_equal, wrong_architecture.diagnose):
        if diagnoses := list(rule(case)):
            return diagnoses
    diagnoses = [diagnosis for rule in RULES for diagnosis in rule(case)]
    diagnoses.sort(key=lambda d: (-d.confidence, -_count_findings(comparison, d)))
    # Users know the LSTM, not the cell inside it; the evidence names the tensor itself.
    golden = comparison.golden.structure
    return [
        replace(d, layers=list(dict.fromkeys(visible_layer(golden, path) for path in d.layers)))
        for d in diagnoses
    ]


def _count_findings(comparison: Comparison, diagnosis: Diagnosis) -> int:
    layers = set(diagnosis.layers)
    return sum(finding.layer in layers for finding in comparison.errors)
