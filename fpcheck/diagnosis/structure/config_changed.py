"""A layer has other settings: names layer, attribute, both values and what the attribute does."""

from fpcheck.comparison.finding import Finding
from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import Diagnoses, diagnosis, some
from fpcheck.diagnosis.structure.effects import describe_effect, describe_moved_strides


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all changed attributes."""
    findings = case.unexplained("config-changed", "class-changed")
    constants = _changed_constants(case)
    if not findings and not constants:
        return
    case.explain(findings)
    changes = [
        *(
            f"{f.layer}: {f.metric} is {f.actual} ({case.reference}: {f.expected})"
            for f in findings
        ),
        *constants.values(),
    ]
    yield diagnosis(
        "config-changed",
        [*(f.layer for f in findings), *constants],
        f"{_moved_strides(case, findings) or some(changes)}.",
        [*changes, *_effects(case, findings)],
        f"Build the layer with the {case.reference}'s settings. Most such changes load without an "
        "error.",
    )


def diagnose_attributes(case: Case) -> Diagnoses:
    """Where only outputs differ: attributes that a custom layer's get_config leaves out."""
    live = case.comparison.closer.structure
    if not case.only_outputs or live is None:
        return
    changes = {
        pair.golden.path: f"{pair.golden.path}: {key} is {layer.attributes.get(key)} "
        f"({case.reference}: {value})"
        for pair, layer in case.pairs_with(live)
        for key, value in pair.golden.attributes.items()
        if layer.attributes.get(key) != value
    }
    if changes:
        case.explain(case.unexplained("output-changed"))
        equal = "weights and configuration are equal; get_config leaves the attribute out"
        yield diagnosis(
            "config-changed",
            changes,
            f"{some(changes.values())}.",
            [equal, *changes.values()],
            "Return every argument of __init__ from get_config, then save again.",
            confidence=0.97,
        )


def _effects(case: Case, findings: list[Finding]) -> list[str]:
    effects = {f.metric: describe_effect(f.metric) for f in findings if f.metric}
    lines = [f"{name}: {effect}" for name, effect in effects.items() if effect]
    for finding in findings:
        variance = case.golden_tensors.get((finding.layer or "", "moving_variance"))
        if finding.metric == "epsilon" and variance is not None and variance.details is not None:
            least = variance.details.statistics.minimum
            lines.append(f"{finding.layer}: the smallest moving_variance is {least:.3g}")
    return lines


def _changed_constants(case: Case) -> dict[str, str]:
    """Constants that a layer got when it was built: mean and variance of a Normalization."""
    return {
        item.layer.path: f"{item.layer.path}: {item.tensor.role.removeprefix('used_')} differs "
        f"from the {case.reference}'s"
        for item in case.changed
        if item.tensor.derived
        and item.tensor.role.startswith("used_")
        and all(tensor.derived for tensor in item.layer.tensors)
    }


def _moved_strides(case: Case, findings: list[Finding]) -> str | None:
    strides = [f for f in findings if f.metric == "strides" and f.layer]
    changes = {f.layer or "": (f.expected, f.actual) for f in strides}
    configs = {path: (case.layers[path].config or {}) for path in changes if path in case.layers}
    sizes = {
        path: "x".join(map(str, config["kernel_size"]))
        for path, config in configs.items()
        if isinstance(config.get("kernel_size"), list)
    }
    return describe_moved_strides(changes, sizes)
