"""Keras's own layers: the roles of their tensors, and the layers inside them."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fpcheck.layout.groups import ATTENTIONS, PROJECTIONS

Config = dict[str, Any]
# The name of an inner layer's group in weight files, and its configuration.
Inner = tuple[str, Config]


@cache
def _described() -> dict[str, Any]:
    return dict(json.loads(Path(__file__).with_name("keras_layers.json").read_text()))


def proper(class_name: str) -> str:
    """The name of a class, given any of Keras's names for it (`GlobalAvgPool2D`)."""
    return str(_described()["aliases"].get(class_name, class_name))


def is_layer(class_name: str) -> bool:
    """Whether Keras has a layer or model of this class."""
    return class_name in _described()["layers"]


def is_operation(class_name: str) -> bool:
    """Whether Keras has an operation of this class."""
    return class_name in _operations()


def is_known(class_name: str) -> bool:
    """Whether Keras has a layer, model or operation of this class, under any name."""
    return is_layer(proper(class_name)) or is_operation(class_name)


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


@cache
def _operations() -> frozenset[str]:
    return frozenset(_described()["operations"])


def _when(*conditions: tuple[str, str]) -> Callable[[Config], list[str]]:
    """Pairs of a role and the attribute on which it depends (empty: the role is always there)."""

    def roles(config: Config) -> list[str]:
        return [role for role, flag in conditions if not flag or config.get(flag, True)]

    return roles


_KERNEL = _when(("kernel", ""), ("bias", "use_bias"))
_SEPARABLE = _when(("depthwise_kernel", ""), ("pointwise_kernel", ""), ("bias", "use_bias"))
_AFFINE = _when(("gamma", "scale"), ("beta", "center"))
_CELL = _when(("kernel", ""), ("recurrent_kernel", ""), ("bias", "use_bias"))


def _batch_normalization(config: Config) -> list[str]:
    renorm = ["moving_stddev", "renorm_mean", "renorm_stddev"] if config.get("renorm") else []
    return [*_AFFINE(config), "moving_mean", "moving_variance", *renorm]


def _einsum(config: Config) -> list[str]:
    return ["kernel", "bias"] if config.get("bias_axes") else ["kernel"]


def _normalization(config: Config) -> list[str]:
    return [] if config.get("mean") is not None else ["mean", "variance", "count"]


def _attention(config: Config) -> list[str]:
    concat = config.get("score_mode") == "concat"
    scale = ["scale"] if config.get("use_scale") else []
    return [*scale, *(["concat_score_weight"] if concat else [])]


def _spectral(config: Config) -> list[str]:
    inner = config.get("layer") or {}
    embedded = isinstance(inner, dict) and inner.get("class_name") == "Embedding"
    return ["embeddings" if embedded else "kernel", "vector_u"]


def _reversible(config: Config) -> list[str]:
    return ["embeddings", *([] if config.get("tie_weights", True) else ["reverse_embeddings"])]


_ROLES: dict[str, Callable[[Config], list[str]]] = {
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "Conv3D"), _KERNEL),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _KERNEL),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _KERNEL),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    **dict.fromkeys(("LayerNormalization", "GroupNormalization"), _AFFINE),
    **dict.fromkeys(("LSTMCell", "GRUCell", "SimpleRNNCell", "ConvLSTMCell"), _CELL),
    "EinsumDense": _einsum,
    "BatchNormalization": _batch_normalization,
    "Normalization": _normalization,
    "Attention": _attention,
    "ReversibleEmbedding": _reversible,
    "SpectralNormalization": _spectral,
    "Embedding": lambda config: ["embeddings"],
    "RMSNormalization": lambda config: ["scale"],
    "LayerScale": lambda config: ["variable"],
    "PReLU": lambda config: ["alpha"],
    "AdditiveAttention": _when(("scale", "use_scale")),
}
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
        absent = {"bias"} - {*_ROLES[class_name](config)}
        if not block.isdecimal():  # one scale for each channel, and no groups of rows
            absent |= {"kernel_zero", "embeddings_zero", "g_idx"}
        return [role for role in quantized if role not in absent]
    if class_name in _ROLES:
        return _ROLES[class_name](config)
    return [] if is_layer(class_name) else None


_CELLS = {"LSTM": "LSTMCell", "GRU": "GRUCell", "SimpleRNN": "SimpleRNNCell"}
_CELL_NAMES = {"LSTM": "lstm_cell", "GRU": "gru_cell", "SimpleRNN": "simple_rnn_cell"}


def makes_cell(class_name: str) -> bool:
    """Whether a recurrent layer makes its cell from its own arguments."""
    return class_name in _CELLS or (
        class_name.startswith("ConvLSTM") and class_name != "ConvLSTMCell"
    )


def inner(class_name: str, config: Config) -> Iterator[Inner]:
    """The layers inside a Keras layer, in its order."""
    if class_name in _CELLS:
        yield "cell", _made(_CELLS[class_name], _CELL_NAMES[class_name], config)
    elif makes_cell(class_name):
        yield "cell", _made("ConvLSTMCell", "conv_lstm_cell", config)
    elif class_name in ATTENTIONS:
        yield from _projections(config)
    elif class_name == "Bidirectional":
        yield from _directions(config)
    elif class_name == "RNN":
        yield from _stacked(config.get("cell"))
    elif class_name == "StackedRNNCells":
        for place, cell in enumerate(config.get("cells") or []):
            yield f"cells#{place}", cell
    elif class_name == "Pipeline":
        for place, layer in enumerate(config.get("layers") or []):
            yield f"layers#{place}", layer
    elif isinstance(config.get("layer"), dict):  # wrappers
        yield "layer", config["layer"]


def _made(class_name: str, name: str, config: Config) -> Config:
    config = {**config, "name": name}
    return {"module": "keras.layers", "class_name": class_name, "config": config}


def _projections(config: Config) -> Iterator[Inner]:
    own = {**config, "bias_axes": "x" if config.get("use_bias", True) else None}
    for name, attribute in PROJECTIONS.items():
        if name != "gate" or config.get("use_gate"):
            yield attribute, _made("EinsumDense", name, own)


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


def _stacked(cell: Any) -> Iterator[Inner]:
    if isinstance(cell, list):
        yield "cell", _made("StackedRNNCells", "stacked_rnn_cells", {"cells": cell})
    elif isinstance(cell, dict):
        yield "cell", cell
