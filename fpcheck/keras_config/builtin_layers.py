"""Keras's own layers: the roles of their tensors, and the layers inside them."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fpcheck.fingerprint.canonical import Config
from fpcheck.layout.groups import ATTENTIONS, PROJECTIONS, snake_case

# The name of an inner layer's group in weight files, and its configuration.
Inner = tuple[str, Config]


@cache
def _described() -> dict[str, Any]:
    read = json.loads(Path(__file__).with_name("keras_layers.json").read_text())
    return {**read, "operations": frozenset(read["operations"])}


def proper(class_name: str) -> str:
    """The name of a class, given any of Keras's names for it (`GlobalAvgPool2D`)."""
    return str(_described()["aliases"].get(class_name, class_name))


def is_layer(class_name: str) -> bool:
    """Whether Keras has a layer or model of this class, under any name."""
    return proper(class_name) in _described()["layers"]


def is_operation(class_name: str) -> bool:
    """Whether Keras has an operation of this class."""
    return class_name in _described()["operations"]


def is_known(class_name: str) -> bool:
    """Whether Keras has a layer, model or operation of this class, under any name."""
    return is_layer(class_name) or is_operation(class_name)


def is_activation(name: str) -> bool:
    """Whether Keras has an activation of this name."""
    return name in _described()["activations"]


def completed(class_name: str, config: Config) -> Config:
    """A configuration with defaults for missing attributes, and canonical names of activations."""
    complete: Config = _renamed({**_described()["layers"].get(class_name, {}), **config})
    return complete


def _renamed(value: Any, key: str = "") -> Any:
    """A configuration with the names of activations that Keras 3 writes (`swish` is `silu`)."""
    if isinstance(value, dict):
        return {name: _renamed(item, name) for name, item in value.items()}
    if key.endswith("activation") and isinstance(value, str):
        return _described()["activations"].get(value, value)
    return value


def _spectral(config: Config) -> str:
    inner = config.get("layer") or {}
    embedded = isinstance(inner, dict) and inner.get("class_name") == "Embedding"
    return "embeddings vector_u" if embedded else "kernel vector_u"


_KERNEL = "kernel bias:use_bias"
_SEPARABLE = "depthwise_kernel pointwise_kernel bias:use_bias"
_CELL = "kernel recurrent_kernel bias:use_bias"
# The roles of the tensors of each class, in order: `role:flag` is there if the flag is set. What
# depends on more than flags is a function of the configuration.
_ROLES: dict[str, str | Callable[[Config], str]] = {
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "Conv3D"), _KERNEL),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _KERNEL),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _KERNEL),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    **dict.fromkeys(("LayerNormalization", "GroupNormalization"), "gamma:scale beta:center"),
    **dict.fromkeys(("LSTMCell", "GRUCell", "SimpleRNNCell", "ConvLSTMCell"), _CELL),
    "BatchNormalization": "gamma:scale beta:center moving_mean moving_variance "
    "moving_stddev:renorm renorm_mean:renorm renorm_stddev:renorm",
    "EinsumDense": "kernel bias:bias_axes",
    "Embedding": "embeddings",
    "RMSNormalization": "scale",
    "LayerScale": "variable",
    "PReLU": "alpha",
    "AdditiveAttention": "scale:use_scale",
    "Attention": lambda config: (
        f"scale:use_scale {'concat_score_weight' * (config.get('score_mode') == 'concat')}"
    ),
    "Normalization": lambda config: "mean variance count" * (config.get("mean") is None),
    "ReversibleEmbedding": lambda config: (
        "embeddings" if config.get("tie_weights", True) else "embeddings reverse_embeddings"
    ),
    "SpectralNormalization": _spectral,
}
# Flags that are not set where a configuration lacks them; others are.
_OFF = ("renorm", "bias_axes")
# Tensors that training does not change.
FIXED = frozenset(
    {"moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev"}
    | {"mean", "variance", "count", "vector_u", "kernel_scale", "embeddings_scale"}
)


def is_fixed(role: str, dtype: str) -> bool:
    """Whether training does not change a tensor of a Keras layer with the dtype policy `dtype`."""
    mode, quantized, _ = dtype.partition("_from_")
    if not quantized:
        return role in FIXED
    return mode != "float8" and role != "bias"


def roles(class_name: str, config: Config, dtype: str) -> list[str] | None:
    """The roles of a Keras layer's own tensors, in order; None if unknown.

    The configuration must be complete. The dtype policy shows whether the layer is quantised.
    """
    mode, _, block = dtype.partition("_from_")[0].partition("/")
    quantized = _described()["quantized"].get(class_name, {}).get(mode)
    if quantized and "_from_" in dtype:
        absent = {"bias"} - {*_unquantized(class_name, config)}
        if not block.isdecimal():  # one scale for each channel, and no groups of rows
            absent |= {"kernel_zero", "embeddings_zero", "g_idx"}
        return [role for role in quantized if role not in absent]
    known = class_name in _ROLES or is_layer(class_name)
    return _unquantized(class_name, config) if known else None


def _unquantized(class_name: str, config: Config) -> list[str]:
    listed = _ROLES.get(class_name, "")
    pairs = (item.split(":") for item in (listed(config) if callable(listed) else listed).split())
    return [role for role, *flags in pairs if all(config.get(f, f not in _OFF) for f in flags)]


_WITH_CELL = ("LSTM", "GRU", "SimpleRNN")
_LISTS = {"StackedRNNCells": "cells", "Pipeline": "layers"}  # attributes that list layers


def makes_cell(class_name: str) -> bool:
    """Whether a recurrent layer makes its cell from its own arguments."""
    of_conv = class_name.startswith("ConvLSTM") and class_name != "ConvLSTMCell"
    return class_name in _WITH_CELL or of_conv


def inner(class_name: str, config: Config) -> Iterator[Inner]:
    """The layers inside a Keras layer, in its order."""
    if makes_cell(class_name):
        made = f"{class_name}Cell" if class_name in _WITH_CELL else "ConvLSTMCell"
        yield "cell", _made(made, config)
    elif class_name in ATTENTIONS:
        own = {**config, "bias_axes": "x" if config.get("use_bias", True) else None}
        for name, attribute in PROJECTIONS.items():
            if name != "gate" or config.get("use_gate"):
                yield attribute, _made("EinsumDense", own, name)
    elif class_name == "Bidirectional":
        yield from _directions(config)
    elif class_name == "RNN" and isinstance(cell := config.get("cell"), list):
        yield "cell", _made("StackedRNNCells", {"cells": cell})
    elif class_name == "RNN" and isinstance(cell, dict):
        yield "cell", cell
    elif class_name in _LISTS:
        attribute = _LISTS[class_name]
        for place, layer in enumerate(config.get(attribute) or []):
            yield f"{attribute}#{place}", layer
    elif class_name != "RNN" and isinstance(config.get("layer"), dict):  # wrappers
        yield "layer", config["layer"]


def _made(class_name: str, config: Config, name: str = "") -> Config:
    config = {**config, "name": name or snake_case(class_name)}
    return {"module": "keras.layers", "class_name": class_name, "config": config}


def _directions(config: Config) -> Iterator[Inner]:
    forward, given = config.get("layer"), config.get("backward_layer")
    for direction, layer in (("forward", forward), ("backward", given or forward)):
        if isinstance(layer, dict) and isinstance(layer.get("config"), dict):
            name = str(layer["config"].get("name", ""))
            if layer is not given:  # a given backward layer has its own name
                bare = name.removeprefix("forward_").removeprefix("backward_")
                name = f"{direction}_{bare}"
            named = {**layer["config"], "name": name}
            yield f"{direction}_layer", {**layer, "config": named, "name": name}
