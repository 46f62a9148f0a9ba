"""The last softmax or sigmoid is missing, replaced, or applied twice."""

from fpcheck.diagnosis.case import Case, Diagnoses, Finding, diagnosis, some
from fpcheck.fingerprint.structure import Structure

# Layers that map their input to probabilities, besides an Activation with one of these names.
_SQUASHING = ("Softmax", "Sigmoid", "ops.Softmax", "ops.Sigmoid")
_NAMES = ("softmax", "sigmoid", "log_softmax", "log_sigmoid", "hard_sigmoid")
# Layers that keep the values of their input, or change them as activations do.
_PASSIVE = ("Reshape", "Flatten", "Identity", "Dropout", "Activation", *_SQUASHING)


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where only the function at an output differs."""
    golden, candidate = case.golden.structure, case.candidate.structure
    ends = _ends(golden) | {case.pairing.to_golden.get(p, p) for p in _ends(candidate)}
    squashing = _squashing(golden) | _squashing(candidate)
    findings = [
        f
        for f in case.unexplained("config-changed", "layer-added", "layer-removed")
        if f.layer in ends
        and (f.metric == "activation" or (f.metric == "class" and f.layer in squashing))
    ]
    changes = {f.layer or "": _text(f, case.reference) for f in findings} or _by_values(case)
    if changes:
        case.explain([*findings, *case.unexplained("output-changed")])
        yield diagnosis(
            "head-activation-changed",
            changes,
            f"The last activation differs: {some(changes.values())}.",
            changes.values(),
            f"Build the head with the {case.reference}'s activation, and check whether the loss "
            "expects logits.",
            confidence=1.0 if findings else 0.99,
        )


def _text(finding: Finding, reference: str) -> str:
    layer, was, now = finding.layer, finding.expected, finding.actual
    if finding.metric == "activation":
        return f"{layer}: activation is {now} ({reference}: {was})"
    return f"{layer}: {f'{was} is missing' if now is None else f'{now} was added'}"


def _squashing(structure: Structure) -> set[str]:
    return {
        layer.path
        for layer in structure.layers
        if layer.class_name in _SQUASHING
        or (layer.class_name == "Activation" and (layer.config or {}).get("activation") in _NAMES)
    }


def _ends(structure: Structure) -> set[str]:
    """Layers that give outputs, and those before them up to the first that computes."""
    ends: set[str] = set()
    waiting = [port.source.layer for port in structure.outputs if port.source]
    while waiting:
        layer = structure.by_path.get(waiting.pop())
        if layer is not None and layer.path not in ends:
            ends.add(layer.path)
            waiting += layer.inbound if layer.class_name in _PASSIVE else ()
    return ends


def _by_values(case: Case) -> dict[str, str]:
    """Outputs whose logits are equal and whose final values are not, where all are like that."""
    final = [f for f in case.unexplained("output-changed") if f.tensor == "final"]
    all_final = len(final) == sum(f.code == "output-changed" for f in case.errors)
    text = f"the logits equal the {case.reference}'s, the final values do not"
    return {f.layer or "": f"{f.layer}: {text}" for f in final if case.only_outputs and all_final}
