"""A name means another function now: a custom one lost to the built-in, or a new Keras."""

from collections.abc import Iterator
from typing import Any

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import some
from fpcheck.fingerprint.outputs import relative_difference
from fpcheck.report.report import Diagnosis

# Functions on a grid are computed alike everywhere but for the last bits.
_SAME = 1e-4


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where outputs alone differ and a function's values, or its owner, do too."""
    if not case.only_outputs:
        return
    told = {**_other_values(case), **_exchanged(case)}
    if told:
        case.tell(case.found("output-changed"))
        yield Diagnosis(
            code="builtin-redefined",
            layers=list(told),
            confidence=0.98,
            summary=f"{some(told.values(), 1)}.",
            evidence=["weights and configuration are equal", *told.values()][:5],
            advice="Give your own function with --custom-objects, or compute with the version of "
            f"Keras that the {case.reference} was recorded with.",
        )


def _other_values(case: Case) -> dict[str, str]:
    golden, candidate = case.golden.outputs, case.candidate.outputs
    if golden is None or candidate is None:
        return {}
    both = golden.functions.keys() & candidate.functions.keys()
    changed = {
        name: difference
        for name in sorted(both)
        if not (difference := relative_difference(golden.functions[name],
                                                  candidate.functions[name])) <= _SAME
    }  # fmt: skip
    return {
        layer.path: f"{layer.path}: '{name}' is another function now, up to {difference:.2g} of "
        "its RMS on a fixed grid"
        for name, difference in changed.items()
        for layer in case.golden.structure.layers
        if _uses(layer.config, name)
    }


def _uses(config: Any, name: str) -> bool:
    if isinstance(config, dict):
        return any(_uses(value, name) for value in config.values())
    return bool(config == name)


def _exchanged(case: Case) -> dict[str, str]:
    """Layers with a function or class of the user's on one side, and Keras's on the other."""
    whole = case.comparison.closer.structure or case.candidate.structure
    found: dict[str, str] = {}
    for pair, now in case.paired_with(whole):
        # Of layers inside a custom one a file tells no class, nor whose they are.
        known = pair.golden.class_name and pair.candidate.class_name
        if known and now.custom != pair.golden.custom:
            own, kerass = (
                (case.reference, "this model")
                if pair.golden.custom
                else ("model", f"the {case.reference}")
            )
            found[pair.golden.path] = (
                f"{pair.golden.path}: the {own} has code of its own where {kerass} has Keras's "
                f"({pair.golden.class_name})"
            )
    return found
