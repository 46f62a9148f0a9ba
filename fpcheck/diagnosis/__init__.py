"""Diagnoses: one short rule per cause.

A rule examines a case and yields diagnoses. To add one, write a module with a function `diagnose`
in the folder of its level, and add its name to `RULES` there.
"""

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from types import ModuleType

from msgspec.structs import replace

from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.divergence import visible_layer
from fpcheck.diagnosis import outputs, structure, weights
from fpcheck.diagnosis.case import Case, Neighbours, Rule, nobody
from fpcheck.diagnosis.outputs import numeric_environment
from fpcheck.diagnosis.structure import wrong_architecture
from fpcheck.diagnosis.weights import other_checkpoint
from fpcheck.report.result import Diagnosis


def _rules(level: ModuleType) -> Iterator[Rule]:
    """The rules of a folder: `diagnose` of a module unless its name is followed by another one."""
    for name in level.RULES:
        module, _, function = name.partition(".")
        yield getattr(import_module(f"{level.__name__}.{module}"), function or "diagnose")


# Outputs come first: training=True in the graph is more than a changed configuration. Rounding
# comes last: it explains only what no other rule does.
RULES = (*_rules(outputs), *_rules(weights), *_rules(structure), numeric_environment.diagnose)


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

    def rank(diagnosis: Diagnosis) -> tuple[float, int]:
        layers = set(diagnosis.layers)
        return -diagnosis.confidence, -sum(finding.layer in layers for finding in case.errors)

    diagnoses.sort(key=rank)
    # Users know the LSTM, not the cell inside it; the evidence names the tensor itself.
    visible = partial(visible_layer, comparison.golden.structure)
    return [replace(d, layers=list(dict.fromkeys(map(visible, d.layers)))) for d in diagnoses]
