"""Reads a model's configuration into the structure that the live model would have.

Nothing is built or executed: a configuration is data. What it does not contain (output shapes, the
layers inside custom ones) is unknown.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as changed
from itertools import count
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.files import limits
from fpcheck.files.refusals import RESAVE
from fpcheck.fingerprint.attribute_rules import from_the_end
from fpcheck.fingerprint.canonical import Config, own_config, plain, split_config
from fpcheck.fingerprint.layer_names import stable_names
from fpcheck.fingerprint.structure import SEQUENTIAL_INPUT, Call, Edge, Port, Shape, trains
from fpcheck.keras_config import builtin_layers, functional_graph
from fpcheck.keras_config.functional_graph import Node, calls_of, check_chain
from fpcheck.keras_config.layer_config import (
    FLOAT,
    Draft,
    LayerDraft,
    built_on,
    class_of,
    dtype_of,
    has_graph,
    input_of,
    is_framework,
    is_operation,
    kind_of,
    name_of,
    roles_of,
    shape_of,
)
from fpcheck.keras_config.output_ranks import rank_after
from fpcheck.layout.groups import unique_name

Ports = tuple[tuple[Port, ...], tuple[Port, ...]]
# What reading a configuration that Keras did not write may raise.
_MALFORMED = (
    *(KeyError, TypeError, ValueError, AttributeError),
    *(IndexError, RecursionError, OverflowError),
)


def draft(model: Config, label: str) -> Draft:
    """The model that a configuration in the spelling of Keras 3 describes."""
    with as_keras_writes(label):
        return _Reader().model(model)


@contextmanager
def as_keras_writes(label: str) -> Iterator[None]:
    """A context that refuses a configuration that Keras does not write."""
    try:
        yield
    except _MALFORMED as error:
        what = f"{type(error).__name__} {error}"[:120]
        fact = f"{label}: its configuration is not one that Keras writes ({what})"
        raise FpcheckError(fact, RESAVE) from error


@dataclass(frozen=True)
class _Place:
    """Where a layer is; path and group in weight files are empty for the model itself.

    `trainable` is of the layers around it. `calls` is None inside a layer whose configuration
    includes its own. `model` is the path of the innermost model with a graph around it.
    """

    path: str = ""
    model: str = ""
    group: str = ""
    trainable: bool = True
    calls: tuple[Call, ...] | None = None
    first_shape: Shape | None = None


def _join(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name


class _Reader:
    def __init__(self) -> None:
        self.entries: list[LayerDraft] = []
        # Of layers, including those that are removed in the end.
        self.numbers = count(1)
        # By the id that Keras gives it, the path of each layer that several models contain.
        self.shared: dict[int, str] = {}
        self.paths: dict[str, str] = {}
        # The rank of each layer's output, by path.
        self.ranks: dict[str, int | None] = {}

    def model(self, model: Config) -> Draft:
        """The outermost model."""
        (class_name, custom), foreign = class_of(model), not is_framework(model)
        own = own_config(model["config"]) or None if foreign else None
        graph = has_graph(model)
        if not graph and not custom:
            raise ValueError(f"a {class_name} without layers")
        inputs, outputs = self._graph(model, _Place()) if graph else ((), ())
        return Draft(class_name, foreign, own, inputs, outputs, graph, self.entries)

    def _graph(self, model: Config, place: _Place) -> Ports:
        """Read the layers of a model with a graph; returns its inputs and outputs."""
        config = model["config"]
        place = changed(place, trainable=place.trainable and config.get("trainable") is not False)
        if "input_layers" in config:
            return self._functional(config, place)
        return self._sequential(model, place)

    def _functional(self, config: Config, model: _Place) -> Ports:
        calls_by_name = calls_of(config)
        used: dict[str, int] = {}
        inputs: dict[str, tuple[Shape | None, str]] = {}
        functional = {la["name"] for la in config["layers"] if "input_layers" in la["config"]}
        for layer in config["layers"]:
            name = str(layer["name"])
            nodes = calls_by_name[name]
            named = not is_operation(layer)
            kind = f"layers/{unique_name(kind_of(layer), used)}" if named else ""
            if layer["class_name"] == "InputLayer":
                inputs[name] = input_of(layer["config"])
            calls = [self._call(node, model) for node in nodes] or [Call((), {}, ())]
            first = nodes[0].first_shape if nodes else None
            path = _join(model.path, name)
            self.ranks[path] = len(inputs[name][0] or ()) or None if name in inputs else None
            group = _join(model.group, kind) if named else ""
            inside = _Place(path, model.path, group, model.trainable, tuple(calls), first)
            self._layer(layer, inside)

        def ports(links: Any) -> tuple[Port, ...]:
            result = []
            for key, (name, call, output) in functional_graph.ports(links):
                layer = self._path(_join(model.path, name))
                edge = Edge(layer, call - (name in functional), output)
                result.append(Port(layer, *inputs.get(name, (None, "")), edge, key))
            return tuple(result)

        return ports(config["input_layers"]), ports(config["output_layers"])

    def _sequential(self, model: Config, place: _Place) -> Ports:
        config, used = model["config"], dict[str, int]()
        check_chain(config)
        before = Edge(SEQUENTIAL_INPUT)
        build_config = model.get("build_config") or {}
        shape = config.get("build_input_shape") or build_config.get("input_shape")
        given: tuple[Shape | None, str] = (shape_of(shape), FLOAT)
        for layer in config["layers"]:
            is_input = layer["class_name"] == "InputLayer"
            given = input_of(layer["config"]) if is_input else given
            self.ranks[SEQUENTIAL_INPUT] = len(given[0]) if given[0] else None
            if is_input:
                continue
            kind = unique_name(kind_of(layer), used)
            path = self._path(_join(place.path, name_of(layer) or kind))
            calls = (Call((before,), {}, ()),)
            group = _join(place.group, f"layers/{kind}")
            self._layer(layer, _Place(path, place.path, group, place.trainable, calls))
            before = Edge(self._path(path))
        port = Port(SEQUENTIAL_INPUT, *given, Edge(SEQUENTIAL_INPUT))
        return (port,), (Port(before.layer, None, "", before),)

    def _call(self, node: Node, model: _Place) -> Call:
        edges = tuple(Edge(self._path(_join(model.path, n)), c, o) for n, c, o in node.inputs)
        return Call(edges, plain(node.arguments), ())

    def _path(self, path: str) -> str:
        return self.paths.get(path, path)

    def _layer(self, layer: Config, place: _Place) -> None:
        """Read a layer and the layers in it, unless they were read as part of another model."""
        path, identity = place.path, layer.get("shared_object_id")
        if isinstance(identity, int) and self.shared.setdefault(identity, path) != path:
            self.paths[path] = self.shared[identity]
            return
        raw = layer["config"] if isinstance(layer["config"], dict) else {}
        class_name, custom = class_of(layer)
        own = builtin_layers.completed(class_name, raw) if is_framework(layer) else raw
        dtype = dtype_of(layer, path.removeprefix(f"{place.model}/"))
        entry = LayerDraft(
            path=path,
            class_name=class_name,
            custom=custom,
            dtype=dtype,
            calls=place.calls,
            raw=raw,
            roles=roles_of(layer, class_name, own, dtype),
            group=place.group,
            trainable=place.trainable and raw.get("trainable") is not False,
            graph=has_graph(layer),
        )
        self.entries.append(entry)
        if next(self.numbers) > limits.LAYERS:
            raise ValueError(f"more than {limits.LAYERS:,} layers")
        if entry.graph:
            self._inner_model(layer, entry, place)
        else:
            self._inner(layer, self._configure(layer, own, entry, place), entry, place.model)

    def _inner_model(self, layer: Config, entry: LayerDraft, place: _Place) -> None:
        """Read a model that is a layer of another."""
        inputs, outputs = self._graph(layer, changed(place, trainable=entry.trainable))
        last = outputs[0].source if outputs else None
        self.ranks[entry.path] = self.ranks.get(last.layer) if last else None
        if place.calls is not None:
            own = {} if is_framework(layer) else own_config(entry.raw)
            entry.config = own | {"inputs": _edges(inputs), "outputs": _edges(outputs)}

    def _configure(self, layer: Config, config: Config, entry: LayerDraft, place: _Place) -> Config:
        """Set what decides the layer's outputs; returns its configuration with canonical axes."""
        if place.calls is None:
            return config
        rank = self._input_rank(layer, place)
        class_name, from_keras = entry.class_name, is_framework(layer)
        if from_keras and config.get("axis") is not None:
            axis = from_the_end(plain(config["axis"]), rank, class_name)
            listed = class_name == "Normalization" and not isinstance(axis, list)
            config = {**config, "axis": [axis] if listed else axis}  # Keras 2 writes a bare axis
        if self.ranks.get(entry.path) is None:
            known = not entry.custom
            self.ranks[entry.path] = rank_after(class_name, config, rank) if known else None
        entry.config, entry.training = split_config(config, class_name, not from_keras)
        if trains(place.calls):
            entry.config = {**entry.config, **entry.training}
        return config

    def _input_rank(self, layer: Config, place: _Place) -> int | None:
        """The rank of a layer's first input."""
        if shape := place.first_shape or built_on(layer):
            return len(shape)
        edges = place.calls[0].inputs if place.calls else ()
        return self.ranks.get(edges[0].layer) if edges else None

    def _inner(self, around: Config, config: Config, outer: LayerDraft, model: str) -> None:
        """Read the layers inside a layer of Keras, and remove those without tensors."""
        own = is_framework(around)
        inner = list(builtin_layers.inner(outer.class_name, config)) if own else []
        names = stable_names(name_of(layer) or kind_of(layer) for _, layer in inner)
        used: dict[str, int] = {}
        for (attribute, layer), name in zip(inner, names, strict=True):
            if "#" in attribute:  # layers in lists have groups by class
                attribute = f"{attribute.partition('#')[0]}/{unique_name(kind_of(layer), used)}"
            start = len(self.entries)
            path, group = f"{outer.path}/{name}", f"{outer.group}/{attribute}"
            self._layer(layer, _Place(path, model, group, outer.trainable))
            added = self.entries[start:]
            if len(added) == 1 and added[0].roles == [] and not added[0].custom:
                del self.entries[start]


def _edges(ports: tuple[Port, ...]) -> list[list[Any]]:
    """The sources of the inputs or outputs of an inner model."""
    sources = (port.source for port in ports if port.source)
    return [[source.layer, source.call, source.output] for source in sources]
