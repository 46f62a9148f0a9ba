"""A name refers to another function: Keras's instead of a custom one, or that of a new Keras."""

from typing import Any

from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis, some
from fpcheck.fingerprint.outputs import relative_difference

# On a grid, a function gives the same values everywhere, except for the last bits.
_SAME = 1e-4


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where only outputs differ, and so do a function's values or its owner."""
    changes = {**_changed_values(case), **_changed_owners(case)} if case.only_outputs else {}
    if changes:
        case.explain(case.unexplained("output-changed"))
        yield diagnosis(
            "builtin-redefined",
            changes,
            f"{some(changes.values(), 1)}.",
            ["weights and configuration are equal", *changes.values()],
            "Pass your own function with --custom-objects, or use the version of Keras that the "
            f"{case.reference} was recorded with.",
            confidence=0.98,
        )


def _changed_values(case: Case) -> dict[str, str]:
    sides = (case.golden.outputs, case.candidate.outputs)
    golden, candidate = (side.functions if side else {} for side in sides)
    changes = {}
    for name in sorted(golden.keys() & candidate.keys()):
        difference = relative_difference(golden[name], candidate[name])
        text = f"'{name}' now gives other values: up to {difference:.2g} of their RMS"
        for layer in case.golden.structure.layers:
            if not difference <= _SAME and _uses(layer.config, name):
                changes[layer.path] = f"{layer.path}: {text} on a fixed grid"
    return changes


def _uses(config: Any, name: str) -> bool:
    if isinstance(config, dict):
        return any(_uses(value, name) for value in config.values())
    return bool(config == name)


def _changed_owners(case: Case) -> dict[str, str]:
    """Layers with a custom function or class on one side, and Keras's on the other."""
    changes = {}
    for pair, layer in case.pairs_with(
        case.comparison.closer_look.structure or case.candidate.structure
    ):
        path, kind = pair.golden.path, pair.golden.class_name
        # A file says nothing about layers inside a custom one.
        if kind and pair.candidate.class_name and layer.custom != pair.golden.custom:
            sides = [f"the {case.reference}", "this model"]
            custom, keras = sides if pair.golden.custom else sides[::-1]
            changes[path] = f"{path}: {custom} uses custom code, {keras} uses Keras's {kind}"
    return changes
