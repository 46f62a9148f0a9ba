"""Loads the legacy HDF5 models of Keras 2, most of which Keras 3 refuses over mere spellings.

Only spellings are mended: an argument that Keras 3 lacks is dropped where its value is the one
that Keras 3 implements, and anything else is refused by name rather than loaded as another model.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import h5py
    import keras

Config = dict[str, Any]

# Arguments that Keras 3 lacks: patterns of class and argument, and the values that it implements
# (none are listed where Keras 2 only keeps a record in the argument, or does not use it).
_DROPPED: tuple[tuple[str, str, tuple[object, ...]], ...] = (
    ("(?!InputLayer).*", "batch_input_shape", ()),
    ("SimpleRNN|RNN|LSTM|GRU|ConvLSTM[123]D", "time_major", (False,)),
    ("RNN|SimpleRNN(Cell)?|ConvLSTM[123]D", "implementation", ()),
    ("Depthwise.*|Separable.*|.*Transpose", "groups", (1,)),
    ("Depthwise.*|Separable.*", "kernel_(initializer|regularizer|constraint)", ()),
    ("SpatialDropout[123]D", "noise_shape", (None,)),
    ("SpatialDropout[123]D|Discretization", "trainable", ()),
    ("MultiHeadAttention", "(query|key|value)_shape", ()),
    ("MultiHeadAttention", "softmax_robust_masking", (False,)),
    ("Attention|AdditiveAttention", "causal", (False,)),
    ("BatchNormalization", "renorm", (False,)),
    ("BatchNormalization", "virtual_batch_size", (None,)),
    ("BatchNormalization", "fused|renorm_(clipping|momentum)", ()),
    ("Embedding", "sparse", (False,)),
    ("Random(?!Crop).*", "rng_type", ()),
    ("Lambda", "module|(function|output_shape)_(type|module)", ()),
    ("Lambda", "mask", (None,)),
)
_RENAMED = {
    ("InputLayer", "batch_input_shape"): "batch_shape",
    ("LeakyReLU", "alpha"): "negative_slope",
}
_CLASSES = {
    "Model": "Functional",
    "BatchNormalizationV1": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
}
_CHANGED = ("RandomCrop",)  # crops in training only, in Keras 3
# What Keras 2 did before it had the argument, where Keras 3 does otherwise by default.
_IMPLIED = {"GRU": {"reset_after": False}, "GRUCell": {"reset_after": False}}
_INNER = ("layer", "backward_layer", "cell", "cells")  # arguments that hold layers
_RECURRENT = ("SimpleRNN", "RNN", "LSTM", "GRU", "ConvLSTM2D", "Bidirectional")

# TensorFlow functions in a graph, and the operations of Keras 3 (below keras.src.ops) they are.
_FUNCTIONS = """
    math.abs=numpy.Absolute math.exp=numpy.Exp math.log=numpy.Log math.negative=numpy.Negative
    math.sqrt=numpy.Sqrt math.rsqrt=math.Rsqrt math.square=numpy.Square math.tanh=numpy.Tanh
    math.sigmoid=nn.Sigmoid math.softplus=nn.Softplus nn.softmax=nn.Softmax nn.relu=nn.Relu
    nn.relu6=nn.Relu6 nn.leaky_relu=nn.LeakyRelu nn.elu=nn.Elu nn.selu=nn.Selu nn.silu=nn.Silu
    __operators__.add=numpy.Add math.add=numpy.Add math.subtract=numpy.Subtract
    math.multiply=numpy.Multiply math.truediv=numpy.TrueDivide math.divide=numpy.TrueDivide
    math.pow=numpy.Power math.maximum=numpy.Maximum math.minimum=numpy.Minimum
    math.reduce_max=numpy.Max math.reduce_mean=numpy.Mean math.reduce_min=numpy.Min
    math.reduce_sum=numpy.Sum linalg.matmul=numpy.Matmul clip_by_value=numpy.Clip
    __operators__.getitem=numpy.GetItem cast=core.Cast concat=numpy.Concatenate
    stack=numpy.Stack tile=numpy.Tile reshape=numpy.Reshape expand_dims=numpy.ExpandDims
    compat.v1.squeeze=numpy.Squeeze compat.v1.transpose=numpy.Transpose
"""
_OPERATIONS = {function.split("=")[0]: function.split("=")[1] for function in _FUNCTIONS.split()}
# Their further arguments: those of the call, and those that Keras 3 takes beforehand.
_SECOND = ("y", "b", "slice_spec")
_SETTINGS = {
    **{name: name for name in ("axis", "keepdims", "dtype")},
    **{"perm": "axes", "shape": "newshape", "multiples": "repeats", "alpha": "negative_slope"},
    **{"clip_value_min": "x_min", "clip_value_max": "x_max"},
}


def load_legacy_h5(path: Path, custom_objects: dict[str, object], safe_mode: bool) -> "keras.Model":
    """The model of a full-model legacy HDF5 file of Keras 2 or 3, not compiled.

    Args:
        path: the file, which is only read.
        custom_objects: classes and functions that are not Keras's own, by name.
        safe_mode: refuse to execute code that the file holds.

    Raises:
        ValueError: Keras 3 would not run the model as Keras 2 did.
    """
    import h5py
    import keras
    from keras.src.legacy.saving import json_utils, legacy_h5_format, saving_options, saving_utils
    from keras.src.saving.serialization_lib import SafeModeScope

    with h5py.File(path, "r") as file:
        # A link could lead out of the file that is being checked.
        hard = file.get("model_weights", getclass=True, getlink=True) is h5py.HardLink
        if "model_config" not in file.attrs or not hard:
            raise ValueError(f"{path} holds no full model")
        config, mender = file.attrs["model_config"], _Mender(custom_objects)
        old = _is_keras2(file)
        if old:
            config = mender.layer(json.loads(config, object_hook=_plain))
        else:
            config = json_utils.decode(config)
            # Keras 3 writes its operations (masks, `x + 1`) into these files, and forgets them.
            custom_objects = {**_own_operations(), **custom_objects}
        with saving_options.keras_option_scope(use_legacy_config=True), SafeModeScope(safe_mode):
            model = saving_utils.model_from_config(config, custom_objects=custom_objects)
            mender.check(model)
            legacy_h5_format.load_weights_from_hdf5_group(file["model_weights"], model)
    for layer in model._flatten_layers() if old else []:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # Keras lets only those at the top use what it has loaded
    return model


def _own_operations() -> dict[str, object]:
    """Keras's operations by name; where a layer has the same name, that is meant."""
    from keras import layers
    from keras.src.ops import core, image, linalg, math, nn, numpy
    from keras.src.ops.operation import Operation

    return {
        name: value
        for module in (core, image, linalg, math, nn, numpy)
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Operation) and not hasattr(layers, name)
    }


def redefined_builtins(config: Config) -> list[str]:
    """The uses of names that mean another function in Keras 3 ("layer: attribute hard_sigmoid").

    Args:
        config: what the attribute `model_config` of a file of Keras 2 holds, parsed.
    """
    found = []
    for key, value in config.items():
        if value == "hard_sigmoid" and key != "name":
            found.append(f"{config.get('name')}: {key} hard_sigmoid")
        for inner in value if isinstance(value, list) else [value]:
            found += redefined_builtins(inner) if isinstance(inner, dict) else []
    return found


def _is_keras2(file: "h5py.File") -> bool:
    attributes = {**file["model_weights"].attrs, **file.attrs}
    version, backend, config = (
        text.decode() if isinstance(text, bytes) else str(text)
        for text in map(attributes.get, ("keras_version", "backend", "model_config"))
    )
    if version.startswith(("None", "1.")):
        raise ValueError(f"{file.filename} was written by Keras 1, whose layers were others")
    # Theano turns the kernels of convolutions around; Keras 3 no longer turns them back.
    if backend == "theano" and "Conv" in config:
        raise ValueError(f"{file.filename} holds convolutions of the backend Theano")
    return version.startswith("2.")


def _plain(value: Config) -> object:
    """A value that Keras 2 wrapped, bare or as Keras 3 wraps it (a hook for `json`)."""
    kind, keys = value.get("class_name"), value.keys()
    if kind in ("__tuple__", "TensorShape"):
        return value["items"]
    if kind in ("Policy", "PolicyV1"):
        return value["config"]["name"]
    if kind == "__ellipsis__":
        return {"class_name": kind, "config": {}}
    if keys == {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": value}
    return value["value"] if keys == {"type", "value"} and value["type"] == "ndarray" else value


def _name(name: Any) -> Any:
    return name and name.replace("/", "_")  # Keras 3 allows no slash


class _Mender:
    """Writes the configuration of a model in the spelling of Keras 3."""

    def __init__(self, custom_objects: dict[str, object]):
        self._custom_objects = custom_objects
        self._shared: set[tuple[int, str]] = set()
        self._orders: dict[str, list[str]] = {}

    def layer(self, entry: Config) -> Config:
        """A layer or model, with all that it holds."""
        from keras import layers
        from keras.saving import get_registered_object

        kind: str = _CLASSES.get(entry["class_name"]) or entry["class_name"]
        config = entry["config"]
        if isinstance(config, list):  # a Sequential of Keras 2.0 and 2.1
            config = {"layers": config}
        name = _name(entry.get("name", config.get("name")))
        config = config | {"name": name}
        custom = get_registered_object(kind, self._custom_objects) is not None
        if "output_layers" in config:
            module, config = "keras.src.models.functional", self._functional(config)
        elif "layers" in config:
            module, config = "keras", self._sequential(config)
        elif custom:
            module = None
        elif isinstance(getattr(layers, kind, None), type) and kind not in _CHANGED:
            module, config = "keras.layers", self._arguments(kind, config)
        else:
            raise ValueError(f"layer {name}: Keras 3 has no such {kind}, nor custom_objects any")
        if "layers" in config:
            self._orders[name] = [layer["name"] for layer in config["layers"]]
        mended = {"class_name": kind, "config": config, "name": name}
        # Keras 3 looks for a class in the module named, and without one among the custom objects.
        return mended if custom else mended | {"module": module, "registered_name": None}

    def _inner(self, entry: Config) -> Config:
        """The same for a layer within another, whose only input or output stands bare."""
        mended = self.layer(entry)
        for end in ("input_layers", "output_layers"):
            links = mended["config"].get(end)
            if isinstance(links, list) and len(links) == 1:
                mended["config"][end] = links[0]
        return mended

    def _arguments(self, kind: str, config: Config) -> Config:
        config = _lambda(config) if kind == "Lambda" else config
        config = {_RENAMED.get((kind, key), key): value for key, value in config.items()}
        for kinds, arguments, same in _DROPPED:
            for key in [key for key in config if re.fullmatch(arguments, key)]:
                value = config.pop(key) if re.fullmatch(kinds, kind) else None
                if same and value not in (*same, None):
                    raise ValueError(f"layer {config['name']}: Keras 3 has no {key}={value!r}")
        for key, value in config.items():
            if key in _INNER and isinstance(value, list):
                config[key] = [self._inner(inner) for inner in value]
            elif key in _INNER and value is not None:
                config[key] = self._inner(value)
            elif key.endswith("_initializer") and isinstance(value, dict):
                value["config"].pop("dtype", None)  # the values come from the file
            elif key == "axis" and isinstance(value, list) and len(value) == 1:
                config[key] = value[0]
            elif (kind, key) == ("Embedding", "dtype") and "int" in str(value):
                config[key] = None  # Keras 2.0 meant the input
        return _IMPLIED.get(kind, {}) | config

    def _sequential(self, config: Config) -> Config:
        layers, first = config["layers"], config["layers"][0]["config"]
        has_input = layers[0]["class_name"] == "InputLayer" or "build_input_shape" in config
        if "batch_input_shape" in first and not has_input:
            inputs = {key: first.get(key) for key in ("batch_input_shape", "dtype")}
            inputs["name"] = f"{first['name']}_input"
            layers = [{"class_name": "InputLayer", "config": inputs}, *layers]
        return config | {"layers": [self._inner(layer) for layer in layers]}

    def _functional(self, config: Config) -> Config:
        graph, layers = _Graph(config), []
        for entry in config["layers"]:
            shared = (entry.get("shared_object_id"), entry["name"])
            if shared in self._shared:  # Keras 2 has written the connections of one in both
                raise ValueError(f"layer {entry['name']} is shared by models: connections are lost")
            if shared[0] is not None and entry["inbound_nodes"]:
                self._shared.add(shared)
            if entry["class_name"] in ("TFOpLambda", "SlicingOpLambda"):
                layers.append(_operation(entry, graph))
            else:
                states = entry["class_name"] in _RECURRENT
                nodes = [graph.call(node, states) for node in entry["inbound_nodes"]]
                layers.append(self._inner(entry) | {"inbound_nodes": nodes})
        ends = {key: graph.ends(config[key]) for key in ("input_layers", "output_layers")}
        return config | ends | {"layers": layers}

    def check(self, model: "keras.Model") -> None:
        """Refuse a model that Keras 3 has built otherwise than Keras 2."""
        from keras.src.ops.numpy import Add

        for layer in [model, *model._flatten_layers()] if self._orders else []:
            # Weights are told apart by the order of their layers only.
            order = self._orders.get(layer.name, [])
            ranks = [order.index(i.name) for i in getattr(layer, "layers", []) if i.name in order]
            if ranks != sorted(ranks):
                raise ValueError(f"Keras 3 orders the layers of {layer.name} otherwise")
            for operation in getattr(layer, "operations", []):
                for node in operation._inbound_nodes if isinstance(operation, Add) else []:
                    shapes = [tuple(getattr(x, "shape", ())) for x in node.arguments.args]
                    if _misplaces(*shapes):
                        raise ValueError(f"layer {operation.name}: Keras 3 adds {shapes} wrongly")


def _lambda(config: Config) -> Config:
    """A Lambda layer, whose functions are code (run only outside of safe mode)."""
    mended = dict(config)
    for part in ("function", "output_shape"):
        value, form = config.get(part), config.get(f"{part}_type")
        if form == "lambda" and isinstance(value, list):
            code = dict(zip(("code", "defaults", "closure"), value, strict=True))
            mended[part] = {"class_name": "__lambda__", "config": code}
    return mended


class _Graph:
    """The connections of a functional model, each written as [layer, call, output].

    Keras 2 adds the further arguments of the call, and counts the calls of most nested models
    from 1. Keras 3 does so at the outputs of the model only, and there for functional ones only.
    """

    def __init__(self, config: Config):
        layers = {layer["name"]: layer for layer in config["layers"]}
        self._names = {"_CONSTANT_VALUE", *layers}
        self._functional = {n for n, layer in layers.items() if "output_layers" in layer["config"]}
        self._first: dict[str, int] = {}
        nodes = [layer["inbound_nodes"] for layer in layers.values()]
        for name, call, *_ in self._links([nodes, config["input_layers"], config["output_layers"]]):
            self._first[name] = min(call, self._first.get(name, call))

    def _is_link(self, value: Any) -> bool:
        shaped = isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str)
        return shaped and value[0] in self._names

    def _links(self, value: Any) -> Iterator[list[Any]]:
        if self._is_link(value):
            yield value
            value = value[3:]
        if isinstance(value, (dict, list)):
            for item in value.values() if isinstance(value, dict) else value:
                yield from self._links(item)

    def _rewrite(self, value: Any, write: Callable[[str, int, Any], Any]) -> Any:
        if self._is_link(value):
            return write(*value[:3])
        if isinstance(value, dict):
            return {key: self._rewrite(item, write) for key, item in value.items()}
        return [self._rewrite(v, write) for v in value] if isinstance(value, list) else value

    def ends(self, links: Any) -> Any:
        """The inputs or outputs of the model."""
        return self._rewrite(
            links,
            lambda name, call, output: [
                _name(name),
                call - self._first[name] + (name in self._functional),
                output,
            ],
        )

    def _tensor(self, name: str, call: int, output: Any) -> object:
        if name == "_CONSTANT_VALUE":
            return _constant(output)
        history = [_name(name), call - self._first[name], output]
        tensor = {"shape": [], "dtype": "float32", "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": tensor}

    def call(self, node: Any, states: bool = False) -> Config:
        """A call, its further arguments being written after each tensor of the first one.

        Args:
            node: the call as Keras 2 writes it.
            states: whether all tensors but the first are the initial state.
        """
        link = next(self._links(node), None)
        if link is None:
            raise ValueError(f"a layer is called on {node!r}, which the model has not")
        first = self._rewrite(node, self._tensor)
        kwargs = self._rewrite(link[3] if len(link) == 4 else {}, self._tensor)
        if isinstance(first, list) and (states or len(first) == 1):
            kwargs |= {"initial_state": first[1:]} if first[1:] else {}
            first = first[0]
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        return {"args": [first], "kwargs": kwargs}


def _constant(value: object) -> object:
    if not isinstance(value, list):
        return value
    dtype = {"i": "int32", "f": "float32"}[np.asarray(value).dtype.kind]
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": dtype}}


def _operation(entry: Config, graph: _Graph) -> Config:
    """A call of a TensorFlow function, as the operation of Keras 3 that it is."""
    name, symbol, nodes = entry["name"], entry["config"]["function"], entry["inbound_nodes"]
    if symbol not in _OPERATIONS or len(nodes) != 1:
        raise ValueError(f"layer {name} calls tf.{symbol}, for which no operation is known")
    module, kind = _OPERATIONS[symbol].split(".")
    call, config = graph.call(nodes[0]), {"name": _name(name)}
    args, kwargs = call["args"], call["kwargs"]
    if symbol in ("concat", "stack") and not isinstance(args[0], list):
        args = [args]
    for key, value in kwargs.items():
        if key in _SETTINGS and "__keras_tensor__" not in repr(value):
            config[_SETTINGS[key]] = value
        elif key == "slice_spec":
            args.append(value if isinstance(value, list) else [value])
        elif key in _SECOND:
            args.append(_constant(value))
        elif key != "name" and value is not False:
            raise ValueError(f"layer {name} calls tf.{symbol} with {key}={value!r}")
    return {
        **{"class_name": kind, "config": config, "name": config["name"]},
        **{"module": f"keras.src.ops.{module}", "registered_name": None},
        "inbound_nodes": [{"args": args, "kwargs": {}}],
    }


def _misplaces(a: tuple[int | None, ...], b: tuple[int | None, ...]) -> bool:
    """Whether Keras 3 may add the only long axis of `b` to another axis of `a` (seen in 3.15)."""
    if a == b or len(a) < 2:
        return False
    for axis, size in enumerate(b, -len(b)):
        lone = size != 1 and all(n in (1, None) for i, n in enumerate(b, -len(b)) if i != axis)
        like = (i for i in (-1, 1 - len(a)) if a[i] != 1 and (None in (a[i], size) or a[i] == size))
        if lone and next(like, axis) != axis:
            return True
    return False
