"""A layer's configuration by meaning: bookkeeping set aside, spellings made one."""

import base64
import marshal
from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np

from fpcheck.fingerprint import digest

# Keras itself writes these for every layer: the name decides nothing, training is told apart, and
# the dtype policy is an attribute of the layer in a structure. Keras 2 adds the shape of the input.
OF_EVERY_LAYER = frozenset({"name", "trainable", "dtype", "batch_input_shape"})
# Says where an object lives or how it was saved, never what it computes. In the configuration of a
# custom class these may be arguments of its own.
BOOKKEEPING = OF_EVERY_LAYER | {
    "registered_name", "module", "build_config", "compile_config", "shared_object_id",
}  # fmt: skip
# Where `dtype` is no policy, but the type of what is given or made. Operations are `ops.NAME`.
DTYPE_DECIDES = frozenset({("InputLayer", "dtype"), ("ops", "dtype")})
# Only matters while training. These differences are notes.
TRAINING_SUFFIXES = ("_initializer", "_regularizer", "_constraint")
# (class or "*" for every class of the framework, attribute).
TRAINING_ATTRIBUTES = frozenset(
    {
        ("*", "seed"),
        ("*", "lora_rank"),
        ("*", "lora_alpha"),
        ("*", "autocast"),
        ("BatchNormalization", "momentum"),
        ("BatchNormalization", "renorm_momentum"),
        ("BatchNormalization", "synchronized"),
        ("Dropout", "rate"),
        ("SpatialDropout1D", "rate"),
        ("SpatialDropout2D", "rate"),
        ("SpatialDropout3D", "rate"),
        ("GaussianDropout", "rate"),
        ("AlphaDropout", "rate"),
        ("GaussianNoise", "stddev"),
        ("LSTM", "dropout"),
        ("LSTM", "recurrent_dropout"),
        ("LSTM", "unit_forget_bias"),
        # Another order of the same sums; Keras 2 does not write it.
        ("LSTM", "implementation"),
        ("GRU", "implementation"),
        ("GRU", "dropout"),
        ("GRU", "recurrent_dropout"),
        ("SimpleRNN", "dropout"),
        ("SimpleRNN", "recurrent_dropout"),
        ("MultiHeadAttention", "dropout"),
        ("GroupedQueryAttention", "dropout"),
    }
)
# Measured elsewhere: as a tensor, since some containers keep it apart, or as a port's shape.
TOLD_ELSEWHERE = frozenset(
    {
        ("InputLayer", "batch_shape"),
        ("StringLookup", "vocabulary"),
        ("IntegerLookup", "vocabulary"),
        ("TextVectorization", "vocabulary"),
    }
)
# Their axis is one of the output, which has one more than the input.
AXIS_OF_OUTPUT = frozenset({"ops.ExpandDims", "ops.Stack", "ops.OneHot", "ops.MultiHot"})
# Statistics that are given: numbers, lists or nested lists, of which only the values count.
NUMBERS = frozenset({("Normalization", "mean"), ("Normalization", "variance")})
# Attributes that later versions of the framework added, and the value that means the same as
# their absence.
ADDED_LATER = {
    ("BatchNormalization", "renorm"): False,
    ("LSTM", "zero_output_for_mask"): False,
    ("GRU", "zero_output_for_mask"): False,
    ("SimpleRNN", "zero_output_for_mask"): False,
    ("MultiHeadAttention", "use_gate"): False,
    ("GroupedQueryAttention", "use_gate"): False,
}
# Longer arrays in a configuration (Normalization's mean, say) are kept as their digest.
LONGEST_ARRAY = 64


_UNSET = object()
# What a model with a graph writes of it; it is told layer by layer.
_GRAPH = frozenset({"layers", "input_layers", "output_layers", "build_input_shape"})


def own_config(config: dict[str, Any]) -> dict[str, Any]:
    """What the configuration of a model of custom class says beside its graph.

    Its dtype policy is part of it: the class may hand it on to the layers that it makes.
    """
    own = {k: v for k, v in config.items() if k not in _GRAPH}
    return {**split_config(own, "", True)[0], **_dtype(config)}


def split_config(
    config: dict[str, Any], class_name: str, custom: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A layer's configuration as (what decides its outputs, what matters in training only).

    Args:
        config: what the layer's `get_config` gave, or what a file holds.
        class_name: its class, without module; that of an operation begins with `ops.`.
        custom: the class is not the framework's own; then every attribute may decide outputs.
    """
    decisive: dict[str, Any] = {}
    training: dict[str, Any] = {}
    if custom:
        own = {k: v for k, v in config.items() if k not in OF_EVERY_LAYER or _is_map(v)}
        return {key: plain(value, whole=True) for key, value in own.items()}, training
    for key, value in config.items():
        # A missing attribute and one that is None mean the same, so that versions of the
        # framework which know an attribute agree with those which do not.
        place = (class_name.partition(".")[0], key)
        if value is None or (key in BOOKKEEPING and place not in DTYPE_DECIDES):
            continue
        if place in TOLD_ELSEWHERE or ADDED_LATER.get(place, _UNSET) == value:
            continue
        chosen = training if is_training(class_name, key) else decisive
        chosen[key] = _numbers(value) if place in NUMBERS else plain(value)
    return decisive, training


def _is_map(value: Any) -> bool:
    """Whether it is a map of dtype policies, by which the layers inside may compute otherwise."""
    return isinstance(value, dict) and value.get("class_name") == "DTypePolicyMap"


def _numbers(value: Any) -> Any:
    """Numbers in any nesting as Keras computes with them: float32, in one row."""
    return _plain_array(np.ravel(np.asarray(value, np.float32)))


def is_training(class_name: str, key: str) -> bool:
    """Whether an attribute of a class of the framework matters in training only."""
    if class_name.startswith("ops."):  # operations are not told whether the model is in training
        return False
    return (
        key.endswith(TRAINING_SUFFIXES)
        or (class_name, key) in TRAINING_ATTRIBUTES
        or ("*", key) in TRAINING_ATTRIBUTES
    )


def from_the_end(axis: Any, rank: int | None, class_name: str) -> Any:
    """An axis, or a list of them, counted from the end; as it is where the rank is unknown.

    Keras 2 wrote the place where Keras 3 keeps a given -1.

    Args:
        axis: as the configuration has it.
        rank: of the first input.
        class_name: of the layer or operation.
    """
    if isinstance(axis, list | tuple):
        return [from_the_end(one, rank, class_name) for one in axis]
    if not rank or not isinstance(axis, int) or axis < 0:
        return axis
    return axis - rank - (class_name in AXIS_OF_OUTPUT)


def telling(arguments: dict[str, Any]) -> dict[str, Any]:
    """Named arguments of a call, but for those that say what a call means anyway.

    Those are None, and not to train.
    """
    return {
        key: value
        for key, value in arguments.items()
        if value is not None and (key, value is False) != ("training", True)
    }


def plain(value: Any, whole: bool = False) -> Any:
    """A configuration value as plain JSON: the same meaning gives the same value.

    Args:
        value: as Keras gives it, or as a file has it.
        whole: it belongs to a custom class, for which all of it may decide outputs.
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
    # A live object that the layer did not serialise: its name is all that is stable about it.
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
    if _is_lambda(value):  # how Keras writes one given as an activation
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
    # Keras leaves the registered name out for its own classes, and may leave the module out.
    own = str(value.get("module") or "keras").partition(".")[0] in ("keras", "builtins")
    custom = value.get("registered_name") is not None and not (
        own and value["registered_name"] == class_name
    )
    nested = _all_of(config) if whole else split_config(config, class_name, custom)[0]
    known = value["registered_name"] if custom else class_name
    # A nested layer keeps its dtype: nothing else records it.
    return {"class": known, "config": {**nested, **_dtype(config)}}


def _all_of(config: dict[str, Any]) -> dict[str, Any]:
    """The whole configuration of an object in a custom class; names of layers may be numbers."""
    bookkeeping = OF_EVERY_LAYER if {"name", "trainable"} <= config.keys() else frozenset()
    return {key: plain(item, True) for key, item in config.items() if key not in bookkeeping}


# What Keras writes of an object that it serialises. What has more is a dictionary of the user's.
_SERIALIZED = frozenset(
    {"class_name", "config", "module", "registered_name", "build_config", "compile_config",
     "shared_object_id", "name", "inbound_nodes", "__passive_serialization__"}
)  # fmt: skip


def _is_lambda(config: dict[Any, Any]) -> bool:
    """Whether all it holds is the code, the defaults and the closure of a function."""
    parts = config.get("value")
    return (
        set(config) == {"value"}
        and isinstance(parts, list | tuple)
        and len(parts) == 3
        and isinstance(parts[0], str)
    )


def _number_array(config: Any) -> Any:
    return _plain_array(np.asarray(config["value"], config["dtype"]))


# How files write values that JSON has no words for.
_WRAPPED: dict[str, Callable[[Any], Any]] = {
    "function": plain,
    "__slice__": lambda config: plain(
        slice(config.get("start"), config.get("stop"), config.get("step"))
    ),
    "__ellipsis__": lambda config: plain(...),
    "__numpy__": _number_array,
    "__tensor__": _number_array,
}


def _lambda(code: Any, defaults: Any, closure: Any) -> str:
    """A lambda by what it does: its stored form also holds file names, lines and reference flags.

    Nothing is run. Unmarshalling what somebody made for it may end the process, which is why
    files are read in one of their own.
    """
    try:
        body: Any = code_body(marshal.loads(base64.b64decode(code)))
    except (ValueError, EOFError, TypeError, AttributeError):  # of another version of Python
        body = code
    return "lambda:" + digest.text(digest.of_value(plain([body, defaults, closure])))


def code_body(code: CodeType) -> list[Any]:
    """What compiled code does: instructions, constants, names; not where it stood."""
    constants = [
        code_body(c) if isinstance(c, CodeType)
        else repr(sorted(map(repr, c)) if isinstance(c, frozenset) else c)  # whose order varies
        for c in code.co_consts
    ]  # fmt: skip
    return [code.co_code.hex(), constants, list(code.co_names), list(code.co_varnames)]


def _dtype(config: dict[str, Any]) -> dict[str, Any]:
    return {"dtype": plain(config["dtype"])} if config.get("dtype") is not None else {}
