"""What the configuration of one layer says of it: class, name, dtype, shapes, whose code it is."""

import re
from typing import Any

from fpcheck.fingerprint.structure import Shape
from fpcheck.keras_config import builtin_layers
from fpcheck.layout.group_names import snake_case

Config = dict[str, Any]
FLOAT = "float32"
# Arguments that list layers, each of which says for itself whose code it is.
_LISTED = ("layers", "cells")


def spelled(value: Config) -> Config:
    """A custom layer of a legacy file as others write it: by the name that its class is known by.

    A hook for `json`: what has a class and no module is a layer there.
    """
    kind = value.get("class_name")
    bare = isinstance(kind, str) and not kind.startswith("__") and "module" not in value
    if not bare or not isinstance(value.get("config"), dict) or builtin_layers.is_known(str(kind)):
        return value
    return {"module": "custom", "registered_name": kind, **value}


def is_framework(layer: Config) -> bool:
    """Whether a class is the framework's own."""
    module, name = layer.get("module"), str(layer["class_name"])
    registered = layer.get("registered_name")
    # Keras names the module of its own classes; of a user's it may be that of a script.
    if registered not in (None, name) or (module is None and registered is not None):
        return False
    if module is None or module == "builtins":
        return builtin_layers.is_known(name)
    return str(module).partition(".")[0] == "keras"


def is_operation(layer: Config) -> bool:
    """Whether it is an operation of the framework, not a layer."""
    module, name = layer.get("module"), str(layer["class_name"])
    if module is None:  # Add is both; only layers say whether they are trainable
        bare = not isinstance(layer["config"], dict) or "trainable" not in layer["config"]
        return builtin_layers.is_operation(name) and bare and name != "InputLayer"
    return is_framework(layer) and str(module).startswith("keras.src.ops")


def name_of(layer: Config) -> str:
    """A layer's name; empty where a custom layer does not write its configuration."""
    config = layer["config"] if isinstance(layer["config"], dict) else {}
    return str(layer.get("name") or config.get("name") or "")


def kind_of(layer: Config) -> str:
    """What Keras 3 calls a layer's place in a weight file."""
    name = str(layer["class_name"]).rpartition(">")[2]
    return snake_case(builtin_layers.proper(name) if is_framework(layer) else name)


def class_of(layer: Config) -> tuple[str, bool]:
    """The class as structures name it, and whether code that is not the framework's takes part."""
    name = str(layer["class_name"])
    if not is_framework(layer):
        return str(layer.get("registered_name") or name), True
    if is_operation(layer):
        return f"ops.{name}", False
    proper = builtin_layers.proper(name)
    # A recurrent layer hands all its functions on to the cell that it makes.
    held = {} if builtin_layers.makes_cell(proper) else layer["config"]
    return proper, name == "Lambda" or _holds_code(held)


def _holds_code(value: Any) -> bool:
    """Whether a configuration names functions or classes that are not the framework's.

    What a framework's layer inside holds is that layer's own, as it is of live layers.
    """
    if isinstance(value, list):
        return any(_holds_code(item) for item in value)
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
        if builtin_layers.is_layer(builtin_layers.proper(str(name))):
            return False
    named = (v for k, v in value.items() if k.endswith("activation") and isinstance(v, str))
    if any(not builtin_layers.is_activation(activation) for activation in named):
        return True
    return any(_holds_code(item) for key, item in value.items() if key not in _LISTED)


def has_graph(layer: Config) -> bool:
    """Whether it is a model that says how its layers are connected."""
    config = layer["config"]
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        return False
    return "input_layers" in config or (is_framework(layer) and layer["class_name"] == "Sequential")


def dtype_of(layer: Config, path: str) -> str:
    """The name of its dtype policy; empty for operations, and where nothing is computed.

    Args:
        layer: as files write it.
        path: what it is called in the innermost model with a graph, and above it in that.
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
    told = policy.get("config") or {}
    if policy.get("class_name") == "DTypePolicyMap":
        return _policy(_mapped(told, path), path)
    if "source_name" in told:
        return f"{told.get('mode')}_from_{told['source_name']}"
    return str(told.get("name") or FLOAT)


def _mapped(told: Config, path: str) -> Any:
    """What a map of policies says of a path: by the path itself, else by the pattern that fits."""
    policies = told.get("policy_map") or {}
    if path in policies:
        return policies[path]
    try:
        fitting = [key for key in policies if re.fullmatch(key, path)]
    except re.error as error:
        raise ValueError(f"a DTypePolicyMap has a key that is no pattern: {error}") from error
    return policies[fitting[0]] if fitting else told.get("default_policy")


def roles_of(layer: Config, class_name: str, config: Config, dtype: str) -> list[str] | None:
    """What it calls its own tensors, in order; None where unknown."""
    if is_operation(layer) or has_graph(layer):
        return []
    return builtin_layers.roles(class_name, config, dtype) if is_framework(layer) else None


def input_of(config: Config) -> tuple[Shape | None, str]:
    """Shape and dtype of an input."""
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    return shape_of(shape), str(config.get("dtype") or FLOAT)


def shape_of(value: Any) -> Shape | None:
    """A shape as files write it; None where it is none."""
    if isinstance(value, dict) and value.get("class_name") == "__tuple__":
        value = value["items"]
    if not isinstance(value, list | tuple):
        return None
    if not all(size is None or (type(size) is int and size >= 0) for size in value):
        raise ValueError(f"{str(value)[:60]} is no shape")
    return tuple(value)


def built_on(layer: Config) -> Shape | None:
    """The shape of the first input, as the layer was built on it."""
    built = layer.get("build_config") or {}
    shape = built.get("input_shape")
    if isinstance(shape, list) and shape and isinstance(shape[0], list):
        shape = shape[0]
    return shape_of(shape)
