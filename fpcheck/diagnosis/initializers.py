"""What initializers give, and whether a tensor looks like it: a layer that was never loaded.

Glorot and Bengio 2010, He et al. 2015, LeCun 1998: variance scale / fan, uniform within
sqrt(3 scale / fan), or normal, cut at two deviations. Saxe et al. 2014: orthogonal rows.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case
from fpcheck.fingerprint.measurement import Details, Statistics

# Fewer values than this have no shape of a distribution that could be told from another.
FEWEST_VALUES = 48
# Of n uniform values the standard deviation varies by about 0.45 / sqrt(n) of itself; five times.
_SPREAD = 2.3
# A truncated normal of Keras stops at two standard deviations and is widened by this factor.
_TRUNCATED = 0.87962566103423978
# The largest distance from the mean, in standard deviations.
_REACH = {"uniform": math.sqrt(3), "normal": 2 / _TRUNCATED, "untruncated_normal": 6.0}
# Of 48 normal values, the largest is further out than this in all but 1 of 1000 cases.
_REACHED = 1.5
# By the end of a role: what layers begin with, unless their configuration says otherwise.
_USUAL = {
    "bias": "Zeros", "beta": "Zeros", "gamma": "Ones", "moving_mean": "Zeros",
    "moving_variance": "Ones", "mean": "Zeros", "variance": "Ones", "count": "Zeros",
    "recurrent_kernel": "Orthogonal", "embeddings": "RandomUniform", "kernel": "GlorotUniform",
    "scale": "Ones",
}  # fmt: skip
# Tried where nothing says what a layer begins with.
_LIKELY = ("GlorotUniform", "HeNormal", "HeUniform", "RandomUniform", "RandomNormal")
_SCALING = {
    "GlorotUniform": (1.0, "avg", "uniform"),
    "GlorotNormal": (1.0, "avg", "normal"),
    "HeUniform": (2.0, "in", "uniform"),
    "HeNormal": (2.0, "in", "normal"),
    "LecunUniform": (1.0, "in", "uniform"),
    "LecunNormal": (1.0, "in", "normal"),
}


def fresh(case: Case, item: Changed) -> str | None:
    """Why a changed tensor looks like what its initializer gives; None where it does not."""
    return _reason(case, item, item.candidate.details)


def was_fresh(case: Case, item: Changed) -> bool:
    """Whether the golden's tensor looks like that, too: it was hardly trained."""
    return item.both is not None and _reason(case, item, item.golden.details) is not None


def _reason(case: Case, item: Changed, details: Details | None) -> str | None:
    if details is None or details.statistics.non_finite or not details.statistics.count:
        return None
    name, config = _initializer(case, item)
    if name:
        try:
            return _fits(name, config, item, details)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return None  # settings that no initializer has
    likely = (_fits(guess, {}, item, details) for guess in (*_LIKELY, "Zeros", "Ones"))
    return next((reason for reason in likely if reason), None)


def _initializer(case: Case, item: Changed) -> tuple[str, dict[str, Any]]:
    """The initializer's class and configuration, as the layer or one around it names it."""
    role = item.tensor.role
    keys = (f"{role}_initializer", f"{role.removesuffix('_kernel')}_initializer")
    path = item.layer.path
    while path:
        layer = case.layers.get(path)
        for key in keys if layer is not None else ():
            said = layer.training.get(key) or (layer.config or {}).get(key)  # type: ignore[union-attr]
            if isinstance(said, dict) and "class" in said:
                return str(said["class"]), said.get("config", {})
        path = path.rpartition("/")[0]
    return next((name for end, name in _USUAL.items() if role.endswith(end)), ""), {}


def _fits(name: str, config: dict[str, Any], item: Changed, details: Details) -> str | None:
    figures = details.statistics
    constant = {"Zeros": 0.0, "Ones": 1.0, "Constant": config.get("value", 0.0)}.get(name)
    if constant is not None:
        if figures.constant == constant:
            return f"all {constant:g}"
        return "1 for the forget gate, else 0" if _forget_bias(item, figures) else None
    if name in ("Orthogonal", "OrthogonalInitializer"):
        return _orthogonal(float(config.get("gain", 1.0)), item.other.shape, details)
    if figures.count < FEWEST_VALUES:
        return None
    return _random(name, config, item, figures)


def _forget_bias(item: Changed, figures: Statistics) -> bool:
    """The bias of an LSTM: ones for one of four gates."""
    quarter = figures.count // 4
    ends = (figures.minimum, figures.maximum, figures.zeros)
    return (
        item.tensor.role.endswith("bias")
        and ends == (0.0, 1.0, 3 * quarter)
        and abs(figures.l1 - quarter) < 1e-6
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


def _random(name: str, config: dict[str, Any], item: Changed, figures: Statistics) -> str | None:
    for mean, std, largest in _expected(name, config, item):
        slack = _SPREAD / math.sqrt(figures.count)
        extreme = max(mean - figures.minimum, figures.maximum - mean)
        if (
            std > 0
            and abs(figures.std / std - 1) <= slack
            and abs(figures.mean - mean) <= 5 * std / math.sqrt(figures.count)
            and min(largest * 0.5, std * _REACHED) <= extreme <= largest * 1.0001
        ):
            return f"{name}: std {figures.std:.4g}, expected {std:.4g}"
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
        factor, mode, kind = _SCALING.get(name) or _scaling(config)
        for fan_in, fan_out in _fans(item):
            fan = {"in": fan_in, "out": fan_out}.get(mode, (fan_in + fan_out) / 2)
            std = math.sqrt(factor / max(1.0, fan))
            yield 0.0, std, std * _REACH[kind]


def _scaling(config: dict[str, Any]) -> tuple[float, str, str]:
    kind = str(config.get("distribution", "truncated_normal")).removeprefix("truncated_")
    mode = str(config.get("mode", "fan_in")).removeprefix("fan_")
    return float(config.get("scale", 1.0)), mode, kind


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
