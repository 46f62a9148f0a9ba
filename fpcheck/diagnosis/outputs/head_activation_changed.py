"""The last softmax or sigmoid was left out, exchanged, or applied twice."""

from collections.abc import Iterator

from fpcheck.comparison.finding import Finding
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import some
from fpcheck.fingerprint.structure import Structure
from fpcheck.report.report import Diagnosis

# Layers that squash what they get to probabilities, besides an Activation that names one of these.
_SQUASHING = ("Softmax", "Sigmoid", "ops.Softmax", "ops.Sigmoid")
_NAMES = ("softmax", "sigmoid", "log_softmax", "log_sigmoid", "hard_sigmoid")
# Layers that hand on what they get.
_PASSIVE = ("Reshape", "Flatten", "Identity", "Dropout", "Activation", *_SQUASHING)


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where only the function at an output differs."""
    ends = _ends(case.golden.structure)
    ends |= {case.pairing.to_golden.get(path, path) for path in _ends(case.candidate.structure)}
    squashing = _squashing(case.golden.structure) | _squashing(case.candidate.structure)
    found = [
        f
        for f in case.found("config-changed", "layer-added", "layer-removed")
        if f.layer in ends
        and (f.metric == "activation" or (f.metric == "class" and f.layer in squashing))
    ]
    told = {f.layer or "": _told(f, case.reference) for f in found} or _by_values(case)
    if not told:
        return
    case.tell([*found, *case.found("output-changed")])
    yield Diagnosis(
        code="head-activation-changed",
        layers=list(told),
        confidence=1.0 if found else 0.99,
        summary=f"The function at the end is another one: {some(told.values())}.",
        evidence=list(told.values())[:5],
        advice=f"Build the head with the {case.reference}'s activation; check whether the loss "
        "takes logits.",
    )


def _told(finding: Finding, reference: str) -> str:
    layer, was, now = finding.layer, finding.expected, finding.actual
    if finding.metric == "activation":
        return f"{layer}: activation is {now}, {reference} {was}"
    return f"{layer}: {f'{was} is missing' if now is None else f'{now} that the {reference} lacks'}"


def _squashing(structure: Structure) -> set[str]:
    return {
        layer.path
        for layer in structure.layers
        if layer.class_name in _SQUASHING
        or (layer.class_name == "Activation" and (layer.config or {}).get("activation") in _NAMES)
    }


def _ends(structure: Structure) -> set[str]:
    """Layers that give outputs, and those before them through layers that only hand on."""
    layers = structure.by_path
    ends: set[str] = set()
    waiting = [port.source.layer for port in structure.outputs if port.source]
    while waiting:
        path = waiting.pop()
        if path in ends or path not in layers:
            continue
        ends.add(path)
        if layers[path].class_name in _PASSIVE:
            waiting += layers[path].inbound
    return ends


def _by_values(case: Case) -> dict[str, str]:
    """Outputs whose logits agree and whose final values do not."""
    if not case.only_outputs:
        return {}
    changed = [f for f in case.found("output-changed") if f.tensor == "final"]
    every = [f for f in case.errors if f.code == "output-changed"]
    return {f.layer or "": f"{f.layer}: before its last function it is the {case.reference}'s"
            for f in changed if len(changed) == len(every)}  # fmt: skip
