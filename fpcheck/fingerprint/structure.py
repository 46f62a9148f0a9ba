"""The structure of a model: its layers, their connections, and the tensors of each layer."""

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import msgspec

from fpcheck.codec import Value
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.layer_names import above

RECIPE = "fpcheck-structure/2"
# The first recipe did not record the keys of dictionaries of inputs and outputs, statistics given
# to `Normalization`, the dtype policy of models of custom class, and attributes of custom classes
# that are None.
FIRST_RECIPE = "fpcheck-structure/1"
Shape = tuple[int | None, ...]
# The path of the input of a Sequential model. Not every format has a layer for it.
SEQUENTIAL_INPUT = "(input)"
# The path of the model itself. No layer can have it.
ROOT = "(model)"
# Class and role of the only tensor whose dtype depends on the backend: int64 on TensorFlow, int32
# elsewhere. fpcheck reads it as int64.
COUNTER = ("Normalization", "count")
# Aspects of a model that a file may not store; see `layout.storage_gaps`.
OUTPUT_SHAPES = "output-shapes"
MASKS = "masks"
INNER_LAYERS = "inner-layers"
INPUTS = "inputs"
ARCHITECTURE = "architecture"
GRAPH = "graph"
ASSETS = "assets"
# A weights-only file may be one of several shards, or contain a part of the layers.
SHARD = "other-shards"
REST = "other-layers"
ASPECTS = (OUTPUT_SHAPES, MASKS, INNER_LAYERS, INPUTS, ARCHITECTURE, GRAPH, ASSETS)
# Prefixes of roles: of a file that a custom class saves beside its weights (a tokenizer's words),
# of state that a layer keeps between calls and no file contains, and of a statistic that a
# `Normalization` uses.
ASSET = "assets/"
CARRIED = "carried_state_"
USED = "used_"


def numbered_role(number: int) -> str:
    """The role of a tensor of which a file stores only the number in its layer."""
    return f"#{number}"


class Tensor(Value, frozen=True):
    """One tensor of a layer.

    Attributes:
        role: its name in the layer (`kernel`, `moving_mean`), or `numbered_role`.
        index: its position among the layer's own tensors, trainable ones first.
        dtype: Keras's name of its type.
        trainable: whether training changes it while the layer is not frozen; None if unknown.
        derived: whether it follows from other state (a vocabulary, `Normalization.mean`). Weight
            files do not contain it, so it is not part of the content id.
    """

    role: str
    index: int
    shape: tuple[int, ...]
    dtype: str
    trainable: bool | None
    derived: bool = False

    @property
    def size(self) -> int:
        """How many values it has."""
        return math.prod(self.shape)

    @property
    def number(self) -> int | None:
        """The number in its role, where it has no other role."""
        mark, number = self.role[:1], self.role[1:]
        return int(number) if mark == "#" and number.isdecimal() else None


class Edge(Value, frozen=True):
    """The source of a value: the path of a layer, the number of its call and of the output."""

    layer: str
    call: int = 0
    output: int = 0


class Call(Value, frozen=True):
    """One call of a layer in a graph; a shared layer has several.

    Attributes:
        inputs: the sources of its inputs, in order.
        arguments: other arguments of the call as plain JSON, with `$0`, `$1` ... for inputs; empty
            if the call has only inputs.
        output_shapes: one for each output, None for free sizes.
    """

    inputs: tuple[Edge, ...]
    arguments: dict[str, Any]
    output_shapes: tuple[Shape, ...]


def trains(calls: Iterable[Call]) -> bool:
    """Whether a call asks for training, so that training attributes decide outputs."""
    return any((call.arguments.get("kwargs") or {}).get("training") is True for call in calls)


class Layer(Value, frozen=True):
    """One layer.

    Attributes:
        path: the names from the model down to the layer, joined by `/`.
        class_name: its class; the registered name of a custom class.
        custom: whether its class, or a function in its configuration, is not Keras's own code.
        dtype: the name of its dtype policy.
        config: the attributes that decide its outputs; None if unknown, or if the configuration of
            the enclosing layer includes them.
        training: the attributes that matter in training only.
        calls: its calls in the graph; None if the model has no graph (subclassed models).
        tensors: its own tensors, without those of layers inside it.
        code: for custom code, the digest of its source; empty if unknown.
        attributes: for custom layers, public attributes that are not in the configuration.
        not_stored: roles of derived tensors that the layer has and the file does not store.
        external_files: files outside the model file that the layer reads when it is loaded.
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
    # The names are those in stored goldens.
    not_stored: tuple[str, ...] = msgspec.field(default=(), name="untold")
    external_files: tuple[str, ...] = msgspec.field(default=(), name="outside")

    @property
    def stored(self) -> tuple[Tensor, ...]:
        """The tensors that weight files contain: those that do not follow from other state."""
        return tuple(tensor for tensor in self.tensors if not tensor.derived)

    @property
    def inbound(self) -> tuple[str, ...]:
        """Paths of the layers that are its inputs, each once, in order."""
        return tuple(dict.fromkeys(e.layer for call in self.calls or () for e in call.inputs))

    @property
    def output_shapes(self) -> tuple[Shape, ...]:
        """The shapes of all outputs of all calls."""
        return tuple(shape for call in self.calls or () for shape in call.output_shapes)

    @property
    def shared(self) -> bool:
        """Whether it has several calls."""
        return len(self.calls or ()) > 1


class Port(Value, frozen=True):
    """One input or output of the model.

    Attributes:
        name: the name of the layer that it comes from, or the model's own name of it.
        shape: None if unknown.
        source: where its value comes from; None if unknown.
        key: its key in a dictionary of inputs or outputs; empty if there is no dictionary.
    """

    name: str
    shape: Shape | None
    dtype: str
    source: Edge | None
    key: str = ""


class Structure(Value, frozen=True, dict=True):
    """The structure of a model; inputs, outputs and layers are in the model's order.

    Attributes:
        outputs: empty if the model has no graph.
        custom: whether the model's class is not Keras's own, so that its code decides outputs.
        not_stored: aspects that the file does not store; see `layout.storage_gaps`.
        recipe: the version of the rules by which it was read.
    """

    class_name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[Layer, ...]
    custom: bool = False
    not_stored: tuple[str, ...] = msgspec.field(default=(), name="untold")  # as in goldens
    recipe: str = RECIPE

    @property
    def tensors(self) -> list[tuple[Layer, Tensor]]:
        """Every tensor with its layer, in the model's order."""
        return [(layer, tensor) for layer in self.layers for tensor in layer.tensors]

    @property
    def weighted(self) -> list[Layer]:
        """The layers with tensors that weight files contain."""
        return [layer for layer in self.layers if layer.stored]

    @cached_property
    def by_path(self) -> dict[str, Layer]:
        """Every layer by its path."""
        return {layer.path: layer for layer in self.layers}

    def is_shared(self, path: str) -> bool:
        """Whether a layer, or a layer around it, has several calls."""
        around = (self.by_path.get(name) for name in (path, *above(path)))
        return any(layer.shared for layer in around if layer)

    @property
    def parameters(self) -> int:
        """How many values all tensors have, without derived ones."""
        return sum(t.size for _, t in self.tensors if not t.derived)

    @property
    def trainable_parameters(self) -> int:
        """How many of these values training changes."""
        return sum(t.size for _, t in self.tensors if t.trainable and not t.derived)

    @property
    def custom_code(self) -> bool:
        """Whether custom code, which no file contains, takes part."""
        return self.custom or any(layer.custom for layer in self.layers)

    @property
    def custom_classes(self) -> list[str]:
        """Names of the custom classes, and of layers with custom functions."""
        owners: tuple[Structure | Layer, ...] = (self, *self.layers)
        return sorted({each.class_name for each in owners if each.custom and each.class_name})

    @cached_property
    def digest(self) -> bytes:
        """The digest of names and of everything that decides outputs."""
        return digest.of_value(self._decisive({layer.path: layer.path for layer in self.layers}))

    @cached_property
    def shape_key(self) -> list[Any]:
        """Everything that decides outputs, with positions instead of the names of layers."""
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

        ports = [[port(value) for value in side] for side in (self.inputs, self.outputs)]
        derived = self.recipe == FIRST_RECIPE
        return [*ports, [layer_key(layer, names, derived) for layer in self.layers]]


def edge_key(edge: Edge | None, names: dict[str, str]) -> list[Any] | None:
    """An edge as JSON, with its layer renamed by `names`."""
    return None if edge is None else [names.get(edge.layer, edge.layer), edge.call, edge.output]


def layer_key(layer: Layer, names: dict[str, str], derived: bool = False) -> list[Any]:
    """Everything of a layer that decides outputs, with layers renamed by `names`.

    Derived tensors are included only if `derived` is set: some formats do not store them, and
    their values are compared with the weights.
    """
    calls = layer.calls and [
        [[edge_key(e, names) for e in call.inputs], call.arguments, call.output_shapes]
        for call in layer.calls
    ]
    # By position, not by role: class and configuration define the role of each position, and few
    # formats store it.
    tensors = [[t.shape, t.dtype] for t in layer.tensors if derived or not t.derived]
    config = _renamed_edges(layer.config, names)
    return [names.get(layer.path), layer.class_name, layer.dtype, config, calls, tensors]


def _renamed_edges(config: dict[str, Any] | None, names: dict[str, str]) -> dict[str, Any] | None:
    """A configuration whose `inputs` and `outputs`, if it is that of a model, are renamed edges."""

    def renamed(value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(e, list) and len(e) == 3 for e in value):
            return [[names.get(name, name), *rest] for name, *rest in value]
        return value

    if config is None or not {"inputs", "outputs"} <= config.keys():
        return config
    return config | {key: renamed(config[key]) for key in ("inputs", "outputs")}
