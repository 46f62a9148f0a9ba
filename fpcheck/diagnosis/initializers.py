"""The values that initializers give, to recognise a layer that was never loaded.

Glorot and Bengio 2010, He et al. 2015, LeCun 1998: variance scale / fan, uniform within
sqrt(3 scale / fan), or normal, cut at two deviations. Saxe et al. 2014: orthogonal rows.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.fingerprint.measurement import Details, Statistics

# With fewer values than this, distributions cannot be distinguished.
FEWEST_VALUES = 48
# The standard deviation of n uniform values varies by about 0.45 / sqrt(n); five times that.
_SPREAD = 2.3
# Keras cuts a truncated normal at two standard deviations and widens it by this factor.
_TRUNCATED = 0.87962566103423978
# The largest distance from the mean, in standard deviations.
_REACH = {"uniform": math.sqrt(3), "normal": 2 / _TRUNCATED, "untruncated_normal": 6.0}
# The largest of 48 normal values is beyond this in all but 1 of 1000 cases.
_REACHED = 1.5
# By the end of a role, the initializer of layers whose configuration names none.
_USUAL = {
    **dict.fromkeys(("bias", "beta", "mean", "count"), "Zeros"),
    **dict.fromkeys(("gamma", "variance", "scale"), "Ones"),
    "recurrent_kernel": "Orthogonal",
    "embeddings": "RandomUniform",
    "kernel": "GlorotUniform",
}
# Tried if the initializer is unknown.
_LIKELY = ("GlorotUniform", "HeNormal", "HeUniform", "RandomUniform", "RandomNormal")
_SCALING = {
    "GlorotUniform": (1.0, "avg", "uniform"),
    "GlorotNormal": (1.0, "avg", "normal"),
    "HeUniform": (2.0, "in", "uniform"),
    "HeNormal": (2.0, "in", "normal"),
    "LecunUniform": (1.0, "in", "uniform"),
    "LecunNormal": (1.0, "in", "normal"),
}


def describe_fresh(case: Case, item: Changed, details: Details | None) -> str | None:
    """Why a changed tensor with these details looks freshly initialised; None if it does not."""
    if details is None or details.statistics.non_finite or not details.statistics.count:
        return None
    name, config = _initializer(case, item)
    guesses = (name,) if name else (*_LIKELY, "Zeros", "Ones")
    with suppress(KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return next(filter(None, (_match(n, config, item, details) for n in guesses)), None)
    return None  # settings that no initializer has


def _initializer(case: Case, item: Changed) -> tuple[str, dict[str, Any]]:
    """The initializer's class and settings, as the layer or one around it configures it."""
    role, path = item.tensor.role, item.layer.path
    keys = (f"{role}_initializer", f"{role.removesuffix('_kernel')}_initializer")
    while path:
        layer = case.layers.get(path)
        settings = {**(layer.config or {}), **layer.training} if layer is not None else {}
        for setting in map(settings.get, keys):
            if isinstance(setting, dict) and "class" in setting:
                return str(setting["class"]), setting.get("config", {})
        path = path.rpartition("/")[0]
    return next((name for end, name in _USUAL.items() if role.endswith(end)), ""), {}


def _match(name: str, config: dict[str, Any], item: Changed, details: Details) -> str | None:
    statistics = details.statistics
    constant = {"Zeros": 0.0, "Ones": 1.0, "Constant": config.get("value", 0.0)}.get(name)
    if constant is not None:
        if statistics.constant == constant:
            return f"all {constant:g}"
        return "1 for the forget gate, else 0" if _is_forget_bias(item, statistics) else None
    if name in ("Orthogonal", "OrthogonalInitializer"):
        return _orthogonal(float(config.get("gain", 1.0)), item.other.shape, details)
    if statistics.count < FEWEST_VALUES:
        return None
    return _random(name, config, item, statistics)


def _is_forget_bias(item: Changed, statistics: Statistics) -> bool:
    """The bias of an LSTM: ones for one of four gates."""
    quarter = statistics.count // 4
    ends = (statistics.minimum, statistics.maximum, statistics.zeros)
    return (
        item.tensor.role.endswith("bias")
        and ends == (0.0, 1.0, 3 * quarter)
        and abs(statistics.l1 - quarter) < 1e-6
    )


def _orthogonal(gain: float, shape: tuple[int, ...], details: Details) -> str | None:
    """Rows, or columns where these are fewer, of one length."""
    if len(shape) < 2:
        return None
    rows, columns = math.prod(shape[:-1]), shape[-1]
    if rows < columns and len(shape) > 2:
        lengths = np.array([details.statistics.l2 / math.sqrt(rows)])
    else:
        lengths = details.profiles[0] if rows < columns else details.profiles[-1]
    if np.abs(lengths - gain).max() > 1e-3 * gain:
        return None
    return f"Orthogonal: {'rows' if rows < columns else 'columns'} of length {gain:g}"


def _random(name: str, config: dict[str, Any], item: Changed, statistics: Statistics) -> str | None:
    for mean, std, largest in _expected(name, config, item):
        slack = _SPREAD / math.sqrt(statistics.count)
        extreme = max(mean - statistics.minimum, statistics.maximum - mean)
        if (
            std > 0
            and abs(statistics.std / std - 1) <= slack
            and abs(statistics.mean - mean) <= 5 * std / math.sqrt(statistics.count)
            and min(largest * 0.5, std * _REACHED) <= extreme <= largest * 1.0001
        ):
            return f"{name}: std {statistics.std:.4g}, expected {std:.4g}"
    return None


def _expected(
    name: str, config: dict[str, Any], item: Changed
) -> Iterator[tuple[float, float, float]]:
    """Means, standard deviations and largest distances from the mean that it may give."""
    if name == "RandomUniform":
        low, high = float(config.get("minval", -0.05)), float(config.get("maxval", 0.05))
        yield (low + high) / 2, (high - low) / math.sqrt(12), (high - low) / 2
    elif name in ("RandomNormal", "TruncatedNormal"):
        mean, std = float(config.get("mean", 0.0)), float(config.get("stddev", 0.05))
        cut = name == "TruncatedNormal"
        yield (mean, std * _TRUNCATED, 2 * std) if cut else (mean, std, 6 * std)
    elif name in _SCALING or name == "VarianceScaling":
        factor, mode, kind = _SCALING.get(name) or (
            float(config.get("scale", 1.0)),
            str(config.get("mode", "fan_in")).removeprefix("fan_"),
            str(config.get("distribution", "truncated_normal")).removeprefix("truncated_"),
        )
        for fan_in, fan_out in _fans(item):
            fan = {"in": fan_in, "out": fan_out}.get(mode, (fan_in + fan_out) / 2)
            std = math.sqrt(factor / max(1.0, fan))
            yield 0.0, std, std * _REACH[kind]


def _fans(item: Changed) -> Iterator[tuple[float, float]]:
    """Inputs and outputs of a tensor: as of a kernel, and of any split of an EinsumDense's axes."""
    shape = item.other.shape
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        yield size, size
        return
    field = math.prod(shape[:-2])
    yield float(shape[-2] * field), float(shape[-1] * field)
    if len(shape) > 2 and "Conv" not in item.layer.class_name:
        for place in range(1, len(shape)):
            yield float(math.prod(shape[:place])), float(math.prod(shape[place:]))
