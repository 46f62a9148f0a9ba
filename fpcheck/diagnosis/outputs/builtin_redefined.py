"""A name refers to another function: Keras's instead of a custom one, or that of a new Keras."""

from typing import Any

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import Diagnoses, diagnosis, some
from fpcheck.fingerprint.outputs import Outputs, relative_difference

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
    golden, candidate = case.golden.outputs, case.candidate.outputs
    if golden is None or candidate is None:
        return {}
    return {
        layer.path: f"{layer.path}: '{name}' now gives other values: up to {difference:.2g} of "
        "their RMS on a fixed grid"
        for name, difference in _changed_functions(golden, candidate).items()
        for layer in case.golden.structure.layers
        if _uses(layer.config, name)
    }


def _changed_functions(golden: Outputs, candidate: Outputs) -> dict[str, float]:
    ours, theirs = golden.functions, candidate.functions
    names = sorted(ours.keys() & theirs.keys())
    differences = {name: relative_difference(ours[name], theirs[name]) for name in names}
    return {name: value for name, value in differences.items() if not value <= _SAME}


def _uses(config: Any, name: str) -> bool:
    if isinstance(config, dict):
        return any(_uses(value, name) for value in config.values())
    return bool(config == name)


def _changed_owners(case: Case) -> dict[str, str]:
    """Layers with a custom function or class on one side, and Keras's on the other."""
    structure = case.comparison.closer.structure or case.candidate.structure
    changes: dict[str, str] = {}
    for pair, layer in case.pairs_with(structure):
        path, kind = pair.golden.path, pair.golden.class_name
        # A file says nothing about layers inside a custom one.
        known = kind and pair.candidate.class_name
        if known and layer.custom != pair.golden.custom:
            sides = [f"the {case.reference}", "this model"]
            custom, keras = sides if pair.golden.custom else sides[::-1]
            changes[path] = f"{path}: {custom} uses custom code, {keras} uses Keras's {kind}"
    return changes
