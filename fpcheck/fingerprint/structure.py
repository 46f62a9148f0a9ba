"""The structure of a model: layers, what feeds what, and where each tensor belongs."""

import math
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import msgspec

from fpcheck.codec import Array, Value
from fpcheck.fingerprint import digest

RECIPE = "fpcheck-structure/2"
# Did not record the keys of dictionaries of inputs and outputs, statistics that `Normalization` is
# given, the dtype policy of models of custom class, nor attributes of custom classes that are None.
FIRST_RECIPE = "fpcheck-structure/1"
Shape = tuple[int | None, ...]
# Stands for the input of a Sequential model, which has no layer of its own in every container.
SEQUENTIAL_INPUT = "(input)"
# The path of the model itself, which no layer can have.
ROOT = "(model)"
# Class and role of the only tensor whose dtype Keras leaves to the backend: int64 on TensorFlow,
# int32 elsewhere. It is read as int64.
COUNTER = ("Normalization", "count")
# What a container may not tell; see `layout.storage_gaps`.
OUTPUT_SHAPES = "output-shapes"
MASKS = "masks"
INNER_LAYERS = "inner-layers"
DERIVED = "derived-tensors"  # of the first recipe; now each layer says so for itself
INPUTS = "inputs"
ARCHITECTURE = "architecture"
GRAPH = "graph"
ASSETS = "assets"
# Of a file of weights alone: it is one of several shards; it holds a part of the model's layers.
SHARD = "other-shards"
REST = "other-layers"
ASPECTS = (OUTPUT_SHAPES, MASKS, INNER_LAYERS, INPUTS, ARCHITECTURE, GRAPH, ASSETS)
# Begins the role of a file that a custom class saves beside its weights (a tokenizer's words).
ASSET = "assets/"
# Begins the role of a state that a layer keeps between calls, and no file holds.
CARRIED = "carried_state_"
# Begins the role of a statistic that a `Normalization` computes with.
USED = "used_"


class Tensor(Value, frozen=True):
    """One tensor of a layer.

    Attributes:
        role: what the layer calls it (`kernel`, `moving_mean`).
        index: its place among the layer's own tensors, trainable ones first.
        shape: its dimensions.
        dtype: the framework's name of its type.
        trainable: whether training would change it, the layer not being frozen; None if unknown.
        derived: it follows from other state (a vocabulary, `Normalization.mean`), and weight
            files do not hold it; so it is no part of the content id.
    """

    role: str
    index: int
    shape: tuple[int, ...]
    dtype: str
    trainable: bool | None
    derived: bool = False

    @property
    def size(self) -> int:
        """How many values it holds."""
        return math.prod(self.shape)


class Edge(Value, frozen=True):
    """Where a value comes from: the path of a layer, which call of it, which of its outputs."""

    layer: str
    call: int = 0
    output: int = 0


class Call(Value, frozen=True):
    """One use of a layer in a graph; a shared layer has several.

    Attributes:
        inputs: what feeds it, in order.
        arguments: other arguments of the call, as plain JSON; empty for plain calls.
        output_shapes: one for each output, None for sizes that are free.
    """

    inputs: tuple[Edge, ...]
    arguments: dict[str, Any]
    output_shapes: tuple[Shape, ...]


def trains(calls: Iterable[Call]) -> bool:
    """Whether a call asks for training, so that what matters in training only matters always."""
    return any((call.arguments.get("kwargs") or {}).get("training") is True for call in calls)


class Layer(Value, frozen=True):
    """One layer.

    Attributes:
        path: names from the model down to it, joined by `/`.
        class_name: its class; registered name for custom classes.
        custom: it, or a function that it holds, is not the framework's own code.
        dtype: name of its dtype policy.
        config: what decides its outputs; None where unknown, or where the enclosing layer's
            configuration says it all.
        training: what matters in training only.
        calls: its uses in the graph; None where the model has no graph (subclassed models).
        tensors: its own, without those of layers inside it.
        code: of custom code, the digest of its source; empty where unknown.
        attributes: of custom layers, public ones that its configuration leaves out.
        untold: roles of derived tensors that it has and its container does not tell.
        outside: files outside the model file that it reads when it is loaded.
    """

    path: str
    class_name: str
    custom: bool
    dtype: str
    config: dict[str, Any] | None
    training: dict[str, Any]
    calls: tuple[Call, ...] | None
    tensors: tuple[Tensor, ...]
    code: str = ""
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)
    untold: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    @property
    def stored(self) -> tuple[Tensor, ...]:
        """Its tensors that weight files contain: those that do not follow from other state."""
        return tuple(tensor for tensor in self.tensors if not tensor.derived)

    @property
    def inbound(self) -> tuple[str, ...]:
        """Paths of the layers that feed it, each once, in order."""
        return tuple(dict.fromkeys(e.layer for call in self.calls or () for e in call.inputs))

    @property
    def output_shapes(self) -> tuple[Shape, ...]:
        """The shapes of all outputs of all calls."""
        return tuple(shape for call in self.calls or () for shape in call.output_shapes)

    @property
    def shared(self) -> bool:
        """Whether it is used more than once."""
        return len(self.calls or ()) > 1


class Port(Value, frozen=True):
    """One input or output of the model.

    Attributes:
        name: the layer that gives it, or what the model calls it.
        shape: its dimensions; None where unknown.
        dtype: its type.
        source: what gives it; None where unknown.
        key: where it stands in a dictionary of inputs or outputs; empty without one.
    """

    name: str
    shape: Shape | None
    dtype: str
    source: Edge | None
    key: str = ""


class Structure(Value, frozen=True, dict=True):
    """The whole structure.

    Attributes:
        class_name: the model's class.
        inputs: what it takes, in order.
        outputs: what it gives; empty where the model has no graph.
        layers: in the model's own order.
        custom: whether its class is not the framework's own, so that its code decides outputs.
        untold: what its container does not tell; see `layout.storage_gaps`.
        recipe: how it was read.
    """

    class_name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[Layer, ...]
    custom: bool = False
    untold: tuple[str, ...] = ()
    recipe: str = RECIPE

    @property
    def tensors(self) -> list[tuple[Layer, Tensor]]:
        """Every tensor with its layer, in the model's order."""
        return [(layer, tensor) for layer in self.layers for tensor in layer.tensors]

    @cached_property
    def by_path(self) -> dict[str, Layer]:
        """Every layer by its path."""
        return {layer.path: layer for layer in self.layers}

    def is_shared(self, path: str) -> bool:
        """Whether a layer, or one that it lies in, is used more than once."""
        parts = path.split("/")
        above = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        return any(name in self.by_path and self.by_path[name].shared for name in above)

    @property
    def parameters(self) -> int:
        """How many values all tensors hold together, derived ones left out."""
        return sum(t.size for _, t in self.tensors if not t.derived)

    @property
    def trainable_parameters(self) -> int:
        """How many of them training would change."""
        return sum(t.size for _, t in self.tensors if t.trainable and not t.derived)

    @property
    def custom_code(self) -> bool:
        """Whether code that is not the framework's takes part, whose text is not recorded."""
        return self.custom or any(layer.custom for layer in self.layers)

    @property
    def custom_classes(self) -> list[str]:
        """Names of classes whose code no container holds, or of layers that hold such code."""
        names = {layer.class_name for layer in self.layers if layer.custom and layer.class_name}
        return sorted(names | ({self.class_name} if self.custom and self.class_name else set()))

    @cached_property
    def digest(self) -> bytes:
        """Depends on names, and on all that decides outputs; not on training attributes."""
        return digest.of_value(self._decisive({layer.path: layer.path for layer in self.layers}))

    @cached_property
    def shape_key(self) -> list[Any]:
        """The same without any name: layers are called by their place."""
        return self._decisive({layer.path: str(i) for i, layer in enumerate(self.layers)})

    @cached_property
    def shape_digest(self) -> bytes:
        """The digest of `shape_key`."""
        return digest.of_value(self.shape_key)

    def _decisive(self, names: dict[str, str]) -> list[Any]:
        def port(value: Port) -> list[Any]:
            named = value.name if names.get(value.name) == value.name else None
            key = [value.key] if value.key else []
            return [named, value.shape, value.dtype, edge_key(value.source, names), *key]

        derived = self.recipe == FIRST_RECIPE
        return [
            [port(value) for value in self.inputs],
            [port(value) for value in self.outputs],
            [layer_key(layer, names, derived) for layer in self.layers],
        ]


def port_key(path: Iterable[str | int]) -> str:
    """Where a model's input or output stands: keys and places joined by `/`.

    Empty where there is no dictionary on the way: the order then says all.
    """
    steps = tuple(path)
    return "/".join(map(str, steps)) if any(isinstance(step, str) for step in steps) else ""


def edge_key(edge: Edge | None, names: dict[str, str]) -> list[Any] | None:
    """An edge with its layer called by `names`."""
    return None if edge is None else [names.get(edge.layer, edge.layer), edge.call, edge.output]


def layer_key(layer: Layer, names: dict[str, str], derived: bool = False) -> list[Any]:
    """All of a layer that decides outputs, with layers called by `names`.

    Tensors that are derived from other state are left out, unless `derived`: some containers do
    not tell them, and their values are compared with those of the weights.
    """
    calls = layer.calls and [
        [[edge_key(e, names) for e in call.inputs], call.arguments, call.output_shapes]
        for call in layer.calls
    ]
    # By place, not by role: class and configuration say what a place is for, and few files name it.
    tensors = [[t.shape, t.dtype] for t in layer.tensors if derived or not t.derived]
    config = renamed_edges(layer.config, names)
    return [names.get(layer.path), layer.class_name, layer.dtype, config, calls, tensors]


def renamed_edges(config: Any, names: dict[str, str]) -> Any:
    """A nested model's configuration names the layers that give its outputs; call them anew."""
    if isinstance(config, dict) and "outputs" in config and "inputs" in config:
        ports = {key: [[names.get(e[0], e[0]), *e[1:]] for e in config[key]]
                 for key in ("inputs", "outputs") if _are_edges(config[key])}  # fmt: skip
        return {**config, **ports}
    return config


def _are_edges(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(e, list) and len(e) == 3 for e in value)


def stable_names(names: Iterable[str]) -> list[str]:
    """Names of layers inside a layer, made independent of the framework's running numbers.

    Keras names a nameless layer by a counter of the process (`dense_7`), so inside custom layers
    and subclassed models the same model has other names each time. Siblings of one stem are
    called `dense`, `dense#1`, `dense#2` in the order of their numbers.
    """
    parts = [_split_name(name) for name in names]
    ranks: dict[str, list[tuple[int, int]]] = {}
    for place, (stem, number) in enumerate(parts):
        ranks.setdefault(stem, []).append((number, place))
    result = [""] * len(parts)
    for stem, members in ranks.items():
        for rank, (_, place) in enumerate(sorted(members)):
            result[place] = f"{stem}#{rank}" if rank else stem
    return result


def stable_paths(paths: Iterable[str]) -> dict[str, str]:
    """Each path with the names on it made stable among their siblings."""
    below: dict[str, list[str]] = {}
    for path in paths:
        first, _, rest = path.partition("/")
        below.setdefault(first, []).append(rest)
    found: dict[str, str] = {}
    for first, name in zip(below, stable_names(below), strict=True):
        inner = stable_paths(rest for rest in below[first] if rest)
        found |= {f"{first}/{old}": f"{name}/{new}" for old, new in inner.items()}
        found[first] = name
    return found


def stem(path: str) -> list[str]:
    """A path without the running numbers in it."""
    return [_split_name(name)[0] for name in path.split("/")]


def _split_name(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.+?)_(\d+)", name)
    return (match[1], int(match[2])) if match else (name, 0)


def first_words(vocabularies: Iterable[Array], most: int = 200) -> tuple[str, ...]:
    """The first words of all vocabularies, each once, those that stand for others left out."""
    words = [str(w) for values in vocabularies for w in values[: most + 2]]
    return tuple(dict.fromkeys(w for w in words if w and not w.startswith("[")))[:most]


def content_id(structure: Structure, digests: Iterable[bytes]) -> bytes:
    """The id of a model's weights: equal weights in equal places give an equal id.

    BLAKE3 of the sorted JSON list of [stable path of the layer, place among the layer's tensors,
    digest in hexadecimal], over tensors that weight files hold. Containers that name layers but
    not roles can give the same, and so can a process that numbered the layers otherwise.

    Args:
        structure: tells the places.
        digests: one for each of `structure.tensors`, in order.
    """
    held = [
        (layer.path, tensor.index, own.hex())
        for (layer, tensor), own in zip(structure.tensors, digests, strict=True)
        if not tensor.derived
    ]
    stable = stable_paths(path for path, _, _ in held)
    rows = [[stable[path], index, own] for path, index, own in held]
    return digest.of_bytes(msgspec.json.encode(sorted(rows)))
