"""A layer's configuration in one canonical form: equal meaning gives equal values."""

import base64
import marshal
from collections.abc import Callable, Iterable, Mapping
from types import CodeType
from typing import Any

import numpy as np

from fpcheck.fingerprint import attribute_rules as rules
from fpcheck.fingerprint import digest

Config = dict[str, Any]
# Longer arrays in a configuration (`Normalization.mean`, for example) are replaced by their digest.
LONGEST_ARRAY = 64
# Where a graph names the layers of its inputs and outputs.
GRAPH_ENDS = ("input_layers", "output_layers")
# Attributes that describe a model's graph. Structures store the graph layer by layer.
_GRAPH = frozenset({"layers", *GRAPH_ENDS, "build_input_shape"})
# The keys that Keras writes for a serialised object. A dictionary with other keys is a user's.
_SERIALIZED = {"class_name", "config", "name", "inbound_nodes", "__passive_serialization__"} | (
    rules.BOOKKEEPING - rules.OF_EVERY_LAYER
)


def own_config(config: Config) -> Config:
    """The configuration of a model of custom class, without its graph.

    It includes the dtype policy: the class may pass it to the layers that it makes.
    """
    own = {k: v for k, v in config.items() if k not in _GRAPH}
    return {**split_config(own, "", True)[0], **_dtype(config)}


def split_config(config: Config, class_name: str, custom: bool) -> tuple[Config, Config]:
    """The attributes that decide a layer's outputs, and those that matter in training only.

    The configuration is from `get_config` or a file, the class has no module, and an operation is
    `ops.NAME`. If the class is `custom`, not Keras's own, any attribute may decide outputs.
    """
    if custom:
        own = (k for k, v in config.items() if k not in rules.OF_EVERY_LAYER or _is_policy_map(v))
        return {key: plain(config[key], whole=True) for key in own}, {}
    decisive: Config = {}
    training: Config = {}
    for key, value in config.items():
        attribute = (class_name.partition(".")[0], key)
        # None means the same as no attribute: versions of Keras that have an attribute must agree
        # with versions that do not.
        if value is None or (key in rules.BOOKKEEPING and attribute not in rules.DTYPE_DECIDES):
            continue
        if attribute in rules.COMPARED_ELSEWHERE or (attribute in rules.ADDED_LATER and not value):
            continue
        if attribute in rules.NUMBERS:  # as Keras computes with them: float32, flat
            value = np.ravel(np.asarray(value, np.float32))
        (training if rules.is_training(class_name, key) else decisive)[key] = plain(value)
    return decisive, training


def _is_policy_map(value: Any) -> bool:
    """Whether a value maps layers to dtype policies, which change what inner layers compute."""
    return isinstance(value, dict) and value.get("class_name") == "DTypePolicyMap"


def telling(arguments: Config) -> Config:
    """The named arguments of a call without the defaults None and `training=False`."""
    default = {key for key, value in arguments.items() if value is None}
    default |= {"training"} if arguments.get("training") is False else set()
    return {key: value for key, value in arguments.items() if key not in default}


def port_key(path: Iterable[str | int]) -> str:
    """The key of a model's input or output: the keys and positions that lead to it, joined by `/`.

    It is empty if there is no dictionary among them, since the order then identifies it. A `/` in
    a key is written `~1`, and a `~` as `~0`, as in a JSON pointer (RFC 6901).
    """
    steps = tuple(path)
    if all(isinstance(step, int) for step in steps):
        return ""
    return "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def plain(value: Any, whole: bool = False) -> Any:
    """A value from Keras or a file as plain JSON: equal meaning gives equal JSON.

    `whole` keeps every attribute, since the value belongs to a custom class.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, dict):
        return _plain_dict(value, whole)
    if isinstance(value, list | tuple):
        return [plain(item, whole) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item, whole) for item in value), key=repr)
    return _plain_leaf(value)


def _plain_leaf(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return _plain_array(np.asarray(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if np.isfinite(value) else repr(float(value))
    if isinstance(value, bytes):
        return digest.text(digest.of_bytes(value))
    if isinstance(value, slice):
        return {"slice": [plain(part) for part in (value.start, value.stop, value.step)]}
    if value is Ellipsis:
        return "..."
    # A live object that the layer did not serialise: only its name is stable.
    kind = value if hasattr(value, "__qualname__") else type(value)
    return f"{getattr(kind, '__module__', '?')}:{kind.__qualname__}"


def _plain_array(array: Any) -> Any:
    if array.size > LONGEST_ARRAY:
        return digest.text(digest.of_array(array, str(array.dtype)))
    return plain(array.tolist())


def _plain_dict(value: dict[Any, Any], whole: bool) -> Any:
    class_name, config = value.get("class_name"), value.get("config")
    if class_name == "__tuple__" and "items" in value:
        return plain(value["items"], whole)
    if class_name == "__bytes__" and "value" in value:
        return plain(str(value["value"]).encode())
    if _is_lambda(value):  # how Keras writes a lambda that is an activation
        return _lambda(*value["value"])
    if class_name is None or "config" not in value or not value.keys() <= _SERIALIZED:
        return {str(key): plain(item, whole) for key, item in value.items()}
    if class_name in _WRAPPED:
        return _WRAPPED[class_name](config)
    if class_name == "__lambda__" and isinstance(config, dict):
        parts = [config.get(part) for part in ("code", "defaults", "closure")]
        return _lambda(*(config["value"] if _is_lambda(config) else parts))
    if class_name.endswith("DTypePolicy") and isinstance(config, dict) and set(config) == {"name"}:
        return config["name"]
    if not isinstance(config, dict):
        return {"class": class_name, "config": plain(config, whole)}
    # Keras omits the registered name for its own classes, and may omit the module.
    registered = value.get("registered_name")
    from_keras = str(value.get("module") or "keras").partition(".")[0] in ("keras", "builtins")
    custom = registered is not None and not (from_keras and registered == class_name)
    config = _with_positions(config)
    nested = _whole(config) if whole else split_config(config, class_name, custom)[0]
    # The dtype of a nested layer is recorded nowhere else.
    name = registered if custom else class_name
    return {"class": name, "config": {**nested, **_dtype(config)}}


def _with_positions(config: Config) -> Config:
    """A graph in which positions replace the names of layers: Keras numbers nameless layers."""
    layers = config.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        return config
    position = {layer.get("name"): index for index, layer in enumerate(layers)}

    def nameless(layer: Config) -> Config:
        own = layer.get("config")
        if not isinstance(own, dict) or "trainable" in own:  # `_whole` removes both
            return layer
        return {**layer, "config": {k: v for k, v in own.items() if k != "name"}}

    ends = {key: replaced(config[key], position) for key in GRAPH_ENDS if key in config}
    return {**config, **ends, "layers": [nameless(layer) for layer in layers]}


def replaced(value: Any, by: Mapping[Any, Any]) -> Any:
    """JSON in which other values take the place of strings, except keys."""
    if isinstance(value, dict):
        return {key: replaced(item, by) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [replaced(item, by) for item in value]
    return by.get(value, value) if isinstance(value, str) else value


def _whole(config: Config) -> Config:
    """The whole configuration of an object in a custom class, without bookkeeping of layers."""
    bookkeeping = rules.OF_EVERY_LAYER if {"name", "trainable"} <= config.keys() else frozenset()
    return {key: plain(item, True) for key, item in config.items() if key not in bookkeeping}


def _is_lambda(config: dict[Any, Any]) -> bool:
    """Whether a dictionary contains only the code, the defaults and the closure of a function."""
    parts: Any = config.get("value") if set(config) == {"value"} else None
    return isinstance(parts, list | tuple) and len(parts) == 3 and isinstance(parts[0], str)


# How files write values that JSON has no syntax for.
_WRAPPED: dict[str, Callable[[Any], Any]] = {
    "function": plain,
    "__slice__": lambda config: plain(slice(*map(config.get, ("start", "stop", "step")))),
    "__ellipsis__": lambda config: plain(...),
    **dict.fromkeys(
        ("__numpy__", "__tensor__"),
        lambda config: _plain_array(np.asarray(config["value"], config["dtype"])),
    ),
}


def _lambda(code: Any, defaults: Any, closure: Any) -> str:
    """A lambda by what it does, without the file names, line numbers and flags in its code.

    The code is not run. Crafted code may crash `marshal`, so files are read in a child process.
    """
    try:
        body: Any = code_body(marshal.loads(base64.b64decode(code)))
    except (ValueError, EOFError, TypeError, AttributeError):  # of another version of Python
        body = code
    return "lambda:" + digest.text(digest.of_value(plain([body, defaults, closure])))


def code_body(code: CodeType) -> list[Any]:
    """What compiled code does: instructions, constants and names, without file and line."""

    def constant(value: Any) -> Any:
        if isinstance(value, CodeType):
            return code_body(value)
        # The order of a frozenset varies.
        return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)

    constants = [constant(value) for value in code.co_consts]
    return [code.co_code.hex(), constants, list(code.co_names), list(code.co_varnames)]


def _dtype(config: Config) -> Config:
    return {"dtype": plain(config["dtype"])} if config.get("dtype") is not None else {}
