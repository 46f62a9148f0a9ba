"""Layers that are configured otherwise: all weights fit, and the outputs are others."""

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from benchmarks.detection.case import Case, Cases, add, fault
from benchmarks.detection.graph import Config, Graph, changed
from benchmarks.detection.subject import Subject

GROUP = "configured otherwise"
# What a change makes of a layer's configuration: the attributes that are others; empty for none.
Change = Callable[[Config], dict[str, Any]]


def _swap(key: str, values: dict[Any, Any]) -> Change:
    """An attribute by its counterpart."""

    def change(config: Config) -> dict[str, Any]:
        found = [new for old, new in values.items() if config.get(key) == old]
        return {key: found[0]} if found else {}

    return change


def _scaled(key: str, factor: float) -> Change:
    return lambda config: {key: config[key] * factor}


def _dilated(config: Config) -> dict[str, Any]:
    fits = math.prod(config["strides"]) == 1 and math.prod(config["kernel_size"]) > 1
    return {"dilation_rate": [2] * len(config["kernel_size"])} if fits else {}


def _reset_before(config: Config) -> dict[str, Any]:
    return {} if config["use_bias"] else {"reset_after": not config["reset_after"]}


CONVOLUTIONS = "Conv1D Conv2D DepthwiseConv2D SeparableConv2D"
POOLS = "MaxPooling2D AveragePooling2D"
CELLS = "LSTM GRU"
PADDING = {"same": "valid", "valid": "same"}
# Each fault: classes of layers, description, change.
CHANGES: dict[str, tuple[str, str, Change]] = {
    "padding": (CONVOLUTIONS, "Another padding", _swap("padding", PADDING)),
    "dilation": (CONVOLUTIONS, "A dilated convolution", _dilated),
    "strides": (CONVOLUTIONS, "No stride", lambda c: {"strides": [1] * len(c["strides"])}),
    "pool-padding": (POOLS, "Another padding of a pool", _swap("padding", PADDING)),
    "pool-size": (
        POOLS,
        "A pool one larger",
        lambda c: {"pool_size": [n + 1 for n in c["pool_size"]]},
    ),
    "pool-strides": (
        POOLS,
        "Other strides of a pool",
        lambda c: {"strides": [n + 1 for n in c["strides"]]},
    ),
    "norm-epsilon": ("BatchNormalization", "Epsilon a hundredth", _scaled("epsilon", 0.01)),
    "layer-norm-epsilon": ("LayerNormalization", "Epsilon 1e-12", lambda c: {"epsilon": 1e-12}),
    "activation": (
        "Dense Conv2D Conv2DTranspose Activation",
        "Another activation",
        _swap(
            "activation", {"relu": "elu", "tanh": "softsign", "gelu": "silu", "silu": "hard_silu"}
        ),
    ),
    "relu-limit": (
        "ReLU",
        "A ReLU with a ceiling, or without",
        lambda c: {"max_value": None if c["max_value"] else 6.0},
    ),
    "leaky-slope": ("LeakyReLU", "Another slope", _scaled("negative_slope", 1.5)),
    "interpolation": (
        "UpSampling2D",
        "Another interpolation",
        _swap("interpolation", {"bilinear": "nearest"}),
    ),
    "go-backwards": (
        CELLS,
        "The sequence from its end",
        lambda c: {"go_backwards": not c["go_backwards"]},
    ),
    "reset-after": ("GRU", "The reset gate before the product", _reset_before),
    "recurrent-activation": (
        CELLS,
        "Another activation of the gates",
        _swap("recurrent_activation", {"sigmoid": "hard_sigmoid", "hard_sigmoid": "sigmoid"}),
    ),
    "stateful": (CELLS, "Sequences follow each other", _swap("stateful", {False: True})),
    "return-sequences": (
        "LSTM",
        "All steps in place of the last",
        _swap("return_sequences", {False: True}),
    ),
    "mask-zero": ("Embedding", "Padding is not masked", _swap("mask_zero", {True: False})),
    "rescaling": ("Rescaling", "Another scale", _scaled("scale", 2.0)),
    "text-case": (
        "TextVectorization",
        "Words are not put in lower case",
        _swap("standardize", {"lower_and_strip_punctuation": "strip_punctuation"}),
    ),
    "attention-window": (
        "MultiHeadAttention",
        "Each step sees its neighbours only",
        lambda c: {"sliding_window": 3},
    ),
    "custom-power": ("Gate", "A custom layer's own setting", _scaled("power", 1.2)),
}


def _of_class(subject: Subject, classes: str) -> list[tuple[str, Config]]:
    wanted = classes.split()
    found = Graph(subject.model).every()
    return [(path, layer["config"]) for path, layer in found if layer["class_name"] in wanted]


def _configured(classes: str, change: Change, subject: Subject) -> Cases:
    eligible = [p for p, config in _of_class(subject, classes) if _other(config, change(config))]
    for path in subject.spread(eligible):
        yield Case(path, changed(subject, partial(_set, path, change)), layers=(path,))


def _other(config: Config, values: dict[str, Any]) -> bool:
    return any(config.get(key) != value for key, value in values.items())


def _set(path: str, change: Change, graph: Graph) -> None:
    config = dict(graph.every())[path]["config"]
    config.update(change(config))


for _name, (_classes, _says, _change) in CHANGES.items():
    add(_name, GROUP, "config-changed", _says, partial(_configured, _classes, _change))


@fault("strides-moved", GROUP, "config-changed")
def strides_moved(subject: Subject) -> Cases:
    """A stride moved to the next convolution, as between ResNet v1 and v1.5."""
    convolutions = _of_class(subject, "Conv2D")
    pairs = [
        (first, second)
        for (first, own), (second, other) in pairwise(convolutions)
        if math.prod(own["strides"]) > 1 and math.prod(other["strides"]) == 1
    ]
    for first, second in subject.spread(pairs):

        def move(graph: Graph, first: str = first, second: str = second) -> None:
            by_path = dict(graph.every())
            one, other = by_path[first]["config"], by_path[second]["config"]
            one["strides"], other["strides"] = other["strides"], one["strides"]

        place, layers = f"{first} -> {second}", (first, second)
        yield Case(place, changed(subject, move, same_output=True), layers)


@fault("norm-parts-confused", GROUP, "roles-mixed config-changed")
def norm_parts_confused(subject: Subject) -> Cases:
    """A BatchNormalization without scale, loaded into one without center: beta is read as gamma."""
    for path, config in _of_class(subject, "BatchNormalization"):
        if config["scale"] or not config["center"]:
            continue

        def confuse(graph: Graph, path: str = path) -> None:
            dict(graph.every())[path]["config"].update(scale=True, center=False)

        yield Case(path, changed(subject, confuse), (path,))


@fault("bias-missing", GROUP, "tensors-missing config-changed")
def bias_missing(subject: Subject) -> Cases:
    """A layer without its bias."""
    change: Change = lambda c: {"use_bias": False} if c.get("use_bias") else {}  # noqa: E731
    yield from _configured("Dense Conv2D", change, subject)
