"""A layer is configured otherwise: names layer, attribute, both values and what that does."""

from collections.abc import Iterator

from fpcheck.comparison.finding import Finding
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import lines, some
from fpcheck.diagnosis.structure.effects import effect, moved_strides
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all changed attributes."""
    found = case.found("config-changed", "class-changed")
    constants = _constants(case)
    if not found and not constants:
        return
    case.tell(found)
    told = [*(_told(finding, case.reference) for finding in found), *constants.values()]
    moved = _moved(case, found)
    yield Diagnosis(
        code="config-changed",
        layers=list(dict.fromkeys([*(f.layer for f in found if f.layer), *constants])),
        confidence=1.0,
        summary=f"{moved or some(told)}.",
        evidence=lines([*told, *_effects(case, found)]),
        advice=f"Build the layer as the {case.reference} has it; most such changes load without an "
        "error.",
    )


def diagnose_attributes(case: Case) -> Iterator[Diagnosis]:
    """Where outputs alone differ: attributes that a custom layer's configuration leaves out."""
    whole = case.comparison.closer.structure
    if not case.only_outputs or whole is None:
        return
    told = {
        pair.golden.path: f"{pair.golden.path}: {key} is {now.attributes.get(key)}, "
        f"{case.reference} {was}"
        for pair, now in case.paired_with(whole)
        for key, was in pair.golden.attributes.items()
        if now.attributes.get(key) != was
    }
    if told:
        case.tell(case.found("output-changed"))
        yield Diagnosis(
            code="config-changed",
            layers=list(told),
            confidence=0.97,
            summary=f"{some(told.values())}.",
            evidence=["weights and configuration are equal; get_config leaves the attribute out",
                      *told.values()][:5],
            advice="Return every argument of __init__ from get_config, then save again.",
        )  # fmt: skip


def _told(finding: Finding, reference: str) -> str:
    layer, was, now = finding.layer, finding.expected, finding.actual
    return f"{layer}: {finding.metric} is {now}, {reference} {was}"


def _effects(case: Case, found: list[Finding]) -> list[str]:
    told = {f.metric: effect(f.metric) for f in found if f.metric}
    said = [f"{name}: {does}" for name, does in told.items() if does]
    for finding in found:
        held = case.held.get((finding.layer or "", "moving_variance"))
        if finding.metric == "epsilon" and held is not None and held.details is not None:
            least = held.details.statistics.minimum
            said.append(f"{finding.layer}: the smallest moving_variance is {least:.3g}")
    return said


def _constants(case: Case) -> dict[str, str]:
    """Constants given when the layer was made: mean and variance of a Normalization."""
    return {
        item.layer.path: f"{item.layer.path}: {item.tensor.role.removeprefix('used_')} is not the "
        f"{case.reference}'s"
        for item in case.changed
        if item.tensor.derived
        and item.tensor.role.startswith("used_")
        and all(tensor.derived for tensor in item.layer.tensors)
    }


def _moved(case: Case, found: list[Finding]) -> str | None:
    changes = {f.layer: (f.expected, f.actual) for f in found if f.metric == "strides" and f.layer}
    configs = {path: (case.layers[path].config or {}) for path in changes if path in case.layers}
    sizes = {p: "x".join(map(str, c["kernel_size"])) for p, c in configs.items()
             if isinstance(c.get("kernel_size"), list)}  # fmt: skip
    return moved_strides(changes, sizes)
