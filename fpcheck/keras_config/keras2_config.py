"""Rewrites configurations of Keras 2, most of which Keras 3 refuses, as Keras 3 writes them.

Only the spelling changes: an argument that Keras 3 lacks is removed if Keras 3 implements its
value. Anything else is refused by name, so that no other model is read.
"""

import re
from collections.abc import Callable

from fpcheck.fingerprint.canonical import Config
from fpcheck.keras_config import builtin_layers
from fpcheck.keras_config.keras2_graph import Graph, operation, plain_name

# Arguments that Keras 3 lacks: patterns of class and argument, and the values that it implements
# (any value if none is listed, since Keras 2 does not compute with the argument).
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
_GONE = ("BatchNormalizationV1", "SyncBatchNormalization")
_CLASSES = {"Model": "Functional", **dict.fromkeys(_GONE, "BatchNormalization")}
# The removed arguments that Keras 3 ignores.
_IGNORED = {("BatchNormalization", f"renorm{part}") for part in ("", "_clipping", "_momentum")}
_CHANGED = ("RandomCrop",)  # in Keras 3, it crops in training only
# The behaviour of Keras 2 before it had the argument, if Keras 3 has another default.
_IMPLIED = {"GRU": {"reset_after": False}, "GRUCell": {"reset_after": False}}
_INNER = ("layer", "backward_layer", "cell", "cells")  # arguments that hold layers
_POLICIES = ("Policy", "PolicyV1")
_RECURRENT = ("SimpleRNN", "RNN", "LSTM", "GRU", "ConvLSTM2D", "Bidirectional")


def wrote_keras2(version: object) -> bool:
    """Whether a value of `keras_version`, or None, is a version of Keras 2."""
    return str(version).startswith("2.")


def is_keras2(version: str, backend: str, config: str) -> bool:
    """Whether Keras 2 wrote a legacy file; ValueError if its layers compute otherwise."""
    if version.startswith(("None", "1.")):
        raise ValueError("it was written by Keras 1, whose layers were others")
    # Theano flips the kernels of convolutions; Keras 3 no longer flips them back.
    if backend == "theano" and "Conv" in config:
        raise ValueError("it contains convolutions of the backend Theano")
    return wrote_keras2(version)


def unwrapped(value: Config) -> object:
    """A value that Keras 2 wrapped, bare or as Keras 3 wraps it (a hook for `json`)."""
    kind, keys = value.get("class_name"), value.keys()
    if kind in ("__tuple__", "TensorShape"):
        return value["items"]
    if kind in _POLICIES:
        return value["config"]["name"]
    if kind == "__ellipsis__":
        return {"class_name": kind, "config": {}}
    if keys == {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": value}
    return value["value"] if keys == {"type", "value"} and value["type"] == "ndarray" else value


class Rewriter:
    """Rewrites the configuration of a model as Keras 3 writes it.

    Args:
        is_custom: whether a class is not Keras's own.

    Attributes:
        orders: the layers of each model, in the order of the file.
        refusals: one clause for each rewritten part that Keras 3 itself refuses to load.
    """

    def __init__(self, is_custom: Callable[[str], bool]):
        self._is_custom = is_custom
        self._shared: set[tuple[int, str]] = set()
        self.orders: dict[str, list[str]] = {}
        self.refusals: list[str] = []

    def layer(self, entry: Config) -> Config:
        """A layer or model with everything in it."""
        kind: str = _CLASSES.get(entry["class_name"]) or entry["class_name"]
        config = entry["config"]
        if isinstance(config, list):  # a Sequential of Keras 2.0 and 2.1
            self.refusals.append(f"the {entry['class_name']} is a bare list of layers")
            config = {"layers": config}
        else:
            self._note_entry(entry)
        name = plain_name(entry.get("name", config.get("name")))
        config = config | {"name": name}
        custom = self._is_custom(kind)
        if "output_layers" in config:
            module, config = "keras.src.models.functional", self._functional(config)
        elif "layers" in config:
            module, config = "keras", self._sequential(config)
        elif custom:
            module = None
        elif builtin_layers.is_layer(kind) and kind not in _CHANGED:
            module, config = "keras.layers", self._arguments(kind, config, "module" not in entry)
        else:
            raise ValueError(f"layer {name}: Keras 3 has no such {kind}, nor custom_objects any")
        if "layers" in config:
            self.orders[name] = [layer["name"] for layer in config["layers"]]
        rewritten = {"class_name": kind, "config": config, "name": name}
        # Keras 3 looks for a class in its module; without a module, among the custom objects.
        return rewritten if custom else rewritten | {"module": module, "registered_name": None}

    def _inner(self, entry: Config) -> Config:
        """A layer inside another; a single input or output of a model is not in a list."""
        rewritten = self.layer(entry)
        for end in ("input_layers", "output_layers"):
            links = rewritten["config"].get(end)
            if isinstance(links, list) and len(links) == 1:
                rewritten["config"][end] = links[0]
        return rewritten

    def _note_entry(self, entry: Config) -> None:
        """Note what Keras 3 refuses about a layer as a whole."""
        kind, module = entry["class_name"], entry.get("module") or ""
        name = entry.get("name", entry["config"].get("name"))
        if "/" in str(name):
            self.refusals.append(f"layer {name} has a slash in its name")
        if ".engine." in module:
            self.refusals.append(f"there is no module {module}")
        if kind in _GONE:
            self.refusals.append(f"there is no layer {kind}")

    def _note_argument(self, kind: str, key: str, config: Config, lenient: bool) -> None:
        """Note an argument that Keras 3 refuses; if `lenient`, it accepts some of them."""
        accepted = key == "batch_input_shape" or kind == "Lambda"
        if not (accepted and lenient) and (kind, key) not in _IGNORED:
            self.refusals.append(f"layer {config['name']} has the argument {key}")

    def _note_calls(self, config: Config, graph: Graph) -> None:
        """Note calls that Keras 3 does not find, since it counts calls from 0."""
        first = graph.first
        inside = graph.named([entry["inbound_nodes"] for entry in config["layers"]])
        outputs = graph.named(config["output_layers"])
        late = [name for name in inside if first[name]]
        late += [name for name in outputs if first[name] > (name in graph.functional)]
        if late:
            self.refusals.append(f"the calls of {late[0]} are counted from {first[late[0]]}")

    def _arguments(self, kind: str, config: Config, lenient: bool) -> Config:
        config = _lambda(config) if kind == "Lambda" else config
        if kind == "GRU" and "reset_after" not in config and config.get("use_bias", True):
            self.refusals.append(f"layer {config['name']} has a bias as before reset_after")
        config = {_RENAMED.get((kind, key), key): value for key, value in config.items()}
        for kinds, arguments, same in _DROPPED:
            for key in [key for key in config if re.fullmatch(arguments, key)]:
                if not re.fullmatch(kinds, kind):
                    continue
                self._note_argument(kind, key, config, lenient)
                value = config.pop(key)
                if same and value not in (*same, None):
                    raise ValueError(f"layer {config['name']}: Keras 3 has no {key}={value!r}")
        for key, value in config.items():
            if key in _INNER and isinstance(value, list):
                config[key] = [self._inner(inner) for inner in value]
            elif key in _INNER and value is not None:
                config[key] = self._inner(value)
            elif key.endswith("_initializer") and isinstance(value, dict):
                value["config"].pop("dtype", None)  # initial values are replaced by the file's
            elif key == "axis" and isinstance(value, list):
                # Keras 3 takes a number if the layer is in its new form, and only then.
                if (kind == "BatchNormalization" and not lenient) or (lenient and len(value) > 1):
                    self.refusals.append(f"layer {config['name']} has the axis {value}")
                config[key] = value[0] if len(value) == 1 else value
            elif (kind, key) == ("Embedding", "dtype") and "int" in str(value):
                self.refusals.append(f"layer {config['name']} has the dtype {value}")
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
        graph, layers = Graph(config), []
        self._note_calls(config, graph)
        for entry in config["layers"]:
            shared = (entry.get("shared_object_id"), entry["name"])
            if shared in self._shared:  # Keras 2 wrote the connections of one model in both
                raise ValueError(f"layer {entry['name']} is shared by models: connections are lost")
            if shared[0] is not None and entry["inbound_nodes"]:
                self._shared.add(shared)
            if entry["class_name"] in ("TFOpLambda", "SlicingOpLambda"):
                self.refusals.append(f"layer {entry['name']} calls a function of TensorFlow")
                layers.append(operation(entry, graph))
            else:
                states = entry["class_name"] in _RECURRENT
                nodes = [graph.call(node, states) for node in entry["inbound_nodes"]]
                layers.append(self._inner(entry) | {"inbound_nodes": nodes})
        ends = {key: graph.ends(config[key]) for key in ("input_layers", "output_layers")}
        return config | ends | {"layers": layers}


def _lambda(config: Config) -> Config:
    """The configuration of a Lambda layer; its functions are code, which safe mode never runs."""
    rewritten = dict(config)
    for part in ("function", "output_shape"):
        value, form = config.get(part), config.get(f"{part}_type")
        if form == "lambda" and isinstance(value, list):
            code = dict(zip(("code", "defaults", "closure"), value, strict=True))
            rewritten[part] = {"class_name": "__lambda__", "config": code}
    return rewritten


def redefined_builtins(config: Config) -> list[str]:
    """Uses of names that are other functions in Keras 3, for example hard_sigmoid."""
    uses = []
    for key, value in config.items():
        if value == "hard_sigmoid" and key != "name":
            uses.append(f"{config.get('name')}: {key} hard_sigmoid")
        for inner in value if isinstance(value, list) else [value]:
            uses += redefined_builtins(inner) if isinstance(inner, dict) else []
    return uses


def has_policy(config: object) -> bool:
    """Whether a configuration, as Keras 2 wrote it, contains a dtype policy of Keras 2."""
    if isinstance(config, dict):
        return config.get("class_name") in _POLICIES or any(map(has_policy, config.values()))
    return isinstance(config, list) and any(map(has_policy, config))


def notes(config: Config, rewriter: Rewriter) -> list[str]:
    """What Keras 3 computes differently or does not load of a configuration that was rewritten."""
    reasons = rewriter.refusals
    if not reasons and has_policy(config):
        reasons = ["its layers have a dtype of the class Policy"]
    changed = "Keras 3 computes relu6(x + 3) / 6, Keras 2 computed 0.2 x + 0.5"
    sentences = [f"{use}: {changed}" for use in redefined_builtins(config)]
    if reasons:
        more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        sentences.append(
            "written by Keras 2; load_model of Keras 3 refuses this file "
            f"({reasons[0]}{more}), although fpcheck can read it"
        )
    return sentences
