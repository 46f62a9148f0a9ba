"""A layer has other settings: names layer, attribute, both values and what the attribute does."""

from itertools import pairwise
from typing import Any

from fpcheck.diagnosis.case import Case, Diagnoses, Finding, diagnosis, some
from fpcheck.fingerprint.structure import USED

# What an attribute does; the last word of a nested one (`layer.go_backwards`).
EFFECTS = {
    "activation": "the function that is applied to the result of the layer",
    "approximate": "exact gelu, or its tanh approximation; results differ by a few 1e-4 per layer",
    "axis": "the axis that is normalised or joined",
    "class": "the kind of layer",
    "center": "whether beta is added",
    "data_format": "which axis contains the channels",
    "dilation_rate": "the distance between the values that a kernel covers",
    "epsilon": "added to the variance; it matters where variances are small",
    "go_backwards": "the direction in which the sequence is read",
    "groups": "which channels a filter uses",
    "interpolation": "how values between pixels are computed",
    "mask_zero": "whether padding is ignored",
    "negative_slope": "the factor for negative values",
    "alpha": "the factor for negative values",
    "output_mode": "how a word is encoded",
    "padding": "what is added at the border; 'same' is uneven at stride 2 and shifts by a pixel",
    "pool_size": "the size of the window that is pooled",
    "recurrent_activation": "the function of the gates",
    "reset_after": "where a GRU applies its reset gate",
    "return_sequences": "whether every step is returned or only the last",
    "scale": "a factor for the values",
    "offset": "a constant that is added to the values",
    "stateful": "whether state is kept from batch to batch",
    "strides": "the step of the kernel, and so the size of the result",
    "units": "the number of outputs of the layer",
    "filters": "the number of outputs of the layer",
    "use_bias": "whether a bias is added",
    "call.kwargs": "the arguments that the layer is called with",
}


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all changed attributes."""
    findings = case.unexplained("config-changed", "class-changed")
    constants = _changed_constants(case)
    if not findings and not constants:
        return
    case.explain(findings)
    reference = case.reference
    changes = [f"{f.layer}: {f.metric} is {f.actual} ({reference}: {f.expected})" for f in findings]
    changes += constants.values()
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
    changes = {
        pair.golden.path: f"{pair.golden.path}: {key} is {layer.attributes.get(key)} "
        f"({case.reference}: {value})"
        for pair, layer in case.pairs_with(case.comparison.closer_look.structure)
        for key, value in pair.golden.attributes.items()
        if layer.attributes.get(key) != value
    }
    if changes and case.only_outputs:
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
    names = dict.fromkeys(f.metric for f in findings if f.metric)
    effects = {name: EFFECTS.get(name) or EFFECTS.get(name.rpartition(".")[2]) for name in names}
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
        item.layer.path: f"{item.layer.path}: {item.tensor.role.removeprefix(USED)} differs "
        f"from the {case.reference}'s"
        for item in case.changed
        if item.tensor.derived and item.tensor.role.startswith(USED) and not item.layer.stored
    }


def _moved_strides(case: Case, findings: list[Finding]) -> str | None:
    """A sentence if two convolutions exchanged their strides, as between ResNet v1 and v1.5."""
    strides = {f.layer: f for f in findings if f.metric == "strides" and f.layer}
    for (path, one), (other, two) in pairwise(strides.items()):
        if (one.expected, one.actual) == (two.actual, two.expected):
            source, target = (other, path) if _is_one(one.expected) else (path, other)
            return (
                f"strides moved from {source} ({_kernel_size(case, source)}) to {target} "
                f"({_kernel_size(case, target)}): code of ResNet v1.5 with weights of v1"
            )
    return None


def _is_one(strides: Any) -> bool:
    return max(strides) <= 1 if isinstance(strides, list) else not strides or strides <= 1


def _kernel_size(case: Case, path: str) -> str:
    layer = case.layers.get(path)
    size = (layer.config or {}).get("kernel_size") if layer is not None else None
    return "x".join(map(str, size)) if isinstance(size, list) else "?"
