"""Layers with fresh initial values: their weights were never loaded."""

import math
from collections.abc import Iterator
from typing import Any

from fpcheck.comparison.compare import Comparison
from fpcheck.comparison.weights import Changed
from fpcheck.diagnosis.evidence import by_layer, changed_tensors, count, some
from fpcheck.fingerprint.measurement import Statistics
from fpcheck.report.value import Diagnosis

# Fewer values than this have no shape of a distribution that could be told from another.
FEWEST_VALUES = 48
# Of n uniform values the standard deviation varies by about 0.45 / sqrt(n) of itself; five times.
_SPREAD = 2.3
# A truncated normal of Keras stops at two standard deviations and is widened by this factor.
_TRUNCATED = 0.87962566103423978


def diagnose(comparison: Comparison) -> Iterator[Diagnosis]:
    """One diagnosis for all layers whose changed tensors all look freshly initialised."""
    fresh: list[str] = []
    told: list[str] = []
    for path, items in by_layer(changed_tensors(comparison)).items():
        reasons = [_initial(item) for item in items]
        if all(reasons) and any(item.layer.tensors[0].role == item.tensor.role for item in items):
            fresh.append(path)
            told += [f"{path}/{i.tensor.role}: {r}" for i, r in zip(items, reasons, strict=True)]
    if not fresh:
        return
    weighted = sum(bool(layer.tensors) for layer in comparison.golden.structure.layers)
    share = "No layer was" if len(fresh) == weighted else f"{some(fresh)} "
    verb = "" if len(fresh) == weighted else ("was never" if len(fresh) == 1 else "were never")
    yield Diagnosis(
        code="not-loaded",
        layers=fresh,
        confidence=0.97,
        summary=f"{share}{verb} loaded: fresh initial values.",
        evidence=[f"{count(len(fresh), 'layer')} of {weighted} with weights", *told[:5]],
        advice="Check names when loading by name, and what skip_mismatch skipped; then load the "
        "weights again.",
    )


def _initial(item: Changed) -> str:
    """Why a tensor looks like what its initializer gives; empty where it does not."""
    details = item.candidate.details
    if details is None or details.statistics.non_finite:
        return ""
    figures = details.statistics
    initializer = item.layer.training.get(f"{item.tensor.role}_initializer")
    name = initializer.get("class", "") if isinstance(initializer, dict) else ""
    constant = {"Zeros": 0.0, "Ones": 1.0}.get(name)
    if constant is None and item.tensor.role.endswith("bias"):
        constant = 0.0
    if constant is not None:
        return f"all {constant:g}" if figures.constant == constant else ""
    if figures.count < FEWEST_VALUES:
        return ""
    config = initializer.get("config", {}) if isinstance(initializer, dict) else {}
    return _random(name or "GlorotUniform", config, item.tensor.shape, figures)


def _random(name: str, config: dict[str, Any], shape: tuple[int, ...], figures: Statistics) -> str:
    expected = _expected(name, config, shape)
    if expected is None:
        return ""
    std, largest = expected
    slack = _SPREAD / math.sqrt(figures.count)
    extreme = max(abs(figures.minimum), abs(figures.maximum))
    fits = (
        abs(figures.std / std - 1) <= slack
        and abs(figures.mean) <= 5 * std / math.sqrt(figures.count)
        and extreme <= largest * 1.0001
        and extreme >= largest * 0.5
    )
    return f"{name}: std {figures.std:.4g}, expected {std:.4g}" if fits else ""


def _expected(
    name: str, config: dict[str, Any], shape: tuple[int, ...]
) -> tuple[float, float] | None:
    """Standard deviation and largest absolute value that an initializer gives.

    Glorot and Bengio 2010, He et al. 2015, LeCun 1998: variance scale / fan, uniform within
    sqrt(3 scale / fan), or normal, cut at two deviations.
    """
    scaling = {
        "GlorotUniform": (1.0, "avg", "uniform"),
        "GlorotNormal": (1.0, "avg", "normal"),
        "HeUniform": (2.0, "in", "uniform"),
        "HeNormal": (2.0, "in", "normal"),
        "LecunUniform": (1.0, "in", "uniform"),
        "LecunNormal": (1.0, "in", "normal"),
    }
    if name == "VarianceScaling":
        kind = "normal" if "normal" in str(config.get("distribution")) else "uniform"
        mode = str(config.get("mode", "fan_in")).removeprefix("fan_")
        scale: tuple[float, str, str] = (float(config.get("scale", 1.0)), mode, kind)
    elif name in scaling:
        scale = scaling[name]
    elif name == "RandomUniform":
        limit = float(config.get("maxval", 0.05))
        return limit / math.sqrt(3), limit
    elif name in ("RandomNormal", "TruncatedNormal"):
        std = float(config.get("stddev", 0.05))
        cut = name == "TruncatedNormal"
        return (std * _TRUNCATED, 2 * std) if cut else (std, 6 * std)
    else:
        return None
    factor, mode, kind = scale
    fan_in, fan_out = _fans(shape)
    fan = {"in": fan_in, "out": fan_out}.get(mode, (fan_in + fan_out) / 2)
    std = math.sqrt(factor / max(1.0, fan))
    return (std, std * math.sqrt(3)) if kind == "uniform" else (std, 2 * std / _TRUNCATED)


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = math.prod(shape[:-2])
    return float(shape[-2] * field), float(shape[-1] * field)
