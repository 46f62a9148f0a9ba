"""The configuration of one layer: class, name, dtype, shapes, and whose code it is.

A draft is a layer or model as its configuration describes it, without tensors.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from fpcheck.fingerprint.canonical import Config
from fpcheck.fingerprint.structure import Call, Port, Shape
from fpcheck.keras_config import builtin_layers
from fpcheck.layout.groups import snake_case

FLOAT = "float32"
# Arguments that list layers, each of which has its own class.
_LISTED = ("layers", "cells")


@dataclass
class LayerDraft:
    """A layer.

    Attributes:
        custom: whether its class, or a function in its configuration, is not Keras's own code.
        dtype: the name of its dtype policy.
        calls: its calls in the graph; None without a graph.
        raw: its configuration as in the file.
        roles: of its own tensors; None if unknown.
        group: the group of its tensors in weight files of Keras 3.
        trainable: whether it and all layers around it are trainable.
        graph: whether it is a model with a known graph.
        config: the attributes that decide its outputs; None if the configuration of an enclosing
            layer includes them.
        training: the attributes that matter in training only.
    """

    path: str
    class_name: str
    custom: bool
    dtype: str
    calls: tuple[Call, ...] | None
    raw: Config
    roles: list[str] | None
    group: str
    trainable: bool
    graph: bool
    config: Config | None = None
    training: Config = field(default_factory=dict)


@dataclass
class Draft:
    """A model; `config` is the configuration of a custom class without the graph."""

    class_name: str
    custom: bool
    config: Config | None
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    graph: bool
    entries: list[LayerDraft]


def spelled(value: Config) -> Config:
    """A custom layer of a legacy file with a registered name, as other formats have it.

    A hook for `json`: in legacy files, an object with a class and no module is a layer.
    """
    kind = value.get("class_name")
    bare = isinstance(kind, str) and not kind.startswith("__") and "module" not in value
    if not bare or not isinstance(value.get("config"), dict) or builtin_layers.is_known(str(kind)):
        return value
    return {"module": "custom", "registered_name": kind, **value}


def is_framework(layer: Config) -> bool:
    """Whether a class is Keras's own."""
    module, name = layer.get("module"), str(layer["class_name"])
    registered = layer.get("registered_name")
    # Keras's own classes have a module; a custom class without one has a registered name.
    if registered not in (None, name) or (module is None and registered is not None):
        return False
    if module is None or module == "builtins":
        return builtin_layers.is_known(name)
    return str(module).partition(".")[0] == "keras"


def is_operation(layer: Config) -> bool:
    """Whether it is an operation of Keras, not a layer."""
    module, name = layer.get("module"), str(layer["class_name"])
    if module is None:  # `Add` is both; only a layer has `trainable`
        bare = not isinstance(layer["config"], dict) or "trainable" not in layer["config"]
        return builtin_layers.is_operation(name) and bare and name != "InputLayer"
    return is_framework(layer) and str(module).startswith("keras.src.ops")


def name_of(layer: Config) -> str:
    """A layer's name; empty if a custom layer does not write its configuration."""
    config = layer["config"] if isinstance(layer["config"], dict) else {}
    return str(layer.get("name") or config.get("name") or "")


def kind_of(layer: Config) -> str:
    """The name of a layer's group in weight files of Keras 3, without a number."""
    name = str(layer["class_name"]).rpartition(">")[2]
    return snake_case(builtin_layers.proper(name) if is_framework(layer) else name)


def class_of(layer: Config) -> tuple[str, bool]:
    """The name of the class in structures, and whether the layer has custom code."""
    name = str(layer["class_name"])
    if not is_framework(layer):
        return str(layer.get("registered_name") or name), True
    if is_operation(layer):
        return f"ops.{name}", False
    proper = builtin_layers.proper(name)
    # A recurrent layer passes all its functions to the cell that it makes.
    config = {} if builtin_layers.makes_cell(proper) else layer["config"]
    return proper, name == "Lambda" or _has_custom_code(config)


def _has_custom_code(value: Any) -> bool:
    """Whether a configuration names functions or classes that are not Keras's own.

    The functions of an inner Keras layer belong to that layer, as in a live model.
    """
    if isinstance(value, list):
        return any(_has_custom_code(item) for item in value)
    if not isinstance(value, dict):
        return False
    name = value.get("class_name")
    if name == "__lambda__" or (name == "function" and value.get("module") is not None):
        return not str(value.get("module", "")).startswith("keras")
    if name is not None and "config" in value and "module" in value:
        module, registered = str(value["module"]), value.get("registered_name")
        own = module.partition(".")[0] in ("keras", "builtins", "None")
        if not own or registered not in (None, name):
            return True
        if builtin_layers.is_layer(str(name)):
            return False
    named = (v for k, v in value.items() if k.endswith("activation") and isinstance(v, str))
    if any(not builtin_layers.is_activation(activation) for activation in named):
        return True
    return any(_has_custom_code(item) for key, item in value.items() if key not in _LISTED)


def has_graph(layer: Config) -> bool:
    """Whether it is a model whose configuration has a graph."""
    config = layer["config"]
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        return False
    return "input_layers" in config or (is_framework(layer) and layer["class_name"] == "Sequential")


def dtype_of(layer: Config, path: str) -> str:
    """The name of a layer's dtype policy; empty for operations, inputs and models.

    The path is that in the innermost model with a graph.
    """
    if is_operation(layer) or layer["class_name"] == "InputLayer" or has_graph(layer):
        return ""
    config = layer["config"] if isinstance(layer["config"], dict) else {}
    return _policy(config.get("dtype"), path)


def _policy(policy: Any, path: str) -> str:
    if policy is None:
        return FLOAT
    if not isinstance(policy, dict):
        return str(policy)
    config = policy.get("config") or {}
    if policy.get("class_name") == "DTypePolicyMap":
        return _policy(_mapped(config, path), path)
    if "source_name" in config:
        return f"{config.get('mode')}_from_{config['source_name']}"
    return str(config.get("name") or FLOAT)


def _mapped(config: Config, path: str) -> Any:
    """The policy of a path in a map of policies: by the path itself, else by a pattern."""
    policies = config.get("policy_map") or {}
    if path in policies:
        return policies[path]
    try:
        fitting = [key for key in policies if re.fullmatch(key, path)]
    except re.error as error:
        raise ValueError(f"a DTypePolicyMap has a key that is no pattern: {error}") from error
    return policies[fitting[0]] if fitting else config.get("default_policy")


def roles_of(layer: Config, class_name: str, config: Config, dtype: str) -> list[str] | None:
    """The roles of a layer's own tensors, in order; None if unknown."""
    if is_operation(layer) or has_graph(layer):
        return []
    return builtin_layers.roles(class_name, config, dtype) if is_framework(layer) else None


def input_of(config: Config) -> tuple[Shape | None, str]:
    """Shape and dtype of an input."""
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    return shape_of(shape), str(config.get("dtype") or FLOAT)


def shape_of(value: Any) -> Shape | None:
    """A shape from a configuration; None if it is not a shape."""
    if isinstance(value, dict) and value.get("class_name") == "__tuple__":
        value = value["items"]
    if not isinstance(value, list | tuple):
        return None
    if not all(size is None or (type(size) is int and size >= 0) for size in value):
        raise ValueError(f"{str(value)[:60]} is no shape")
    return tuple(value)


def built_on(layer: Config) -> Shape | None:
    """The shape of the first input with which the layer was built."""
    shape = (layer.get("build_config") or {}).get("input_shape")
    if isinstance(shape, list) and shape and isinstance(shape[0], list):
        shape = shape[0]
    return shape_of(shape)
