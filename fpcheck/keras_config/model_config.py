"""Reads a model's configuration into the structure that the live model would have.

Nothing is built or executed: a configuration is data. What it does not contain (output shapes, the
layers inside custom ones) is unknown.
"""

from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.files import limits
from fpcheck.files.refusals import RESAVE
from fpcheck.fingerprint.attribute_rules import from_the_end
from fpcheck.fingerprint.canonical import own_config, plain, split_config
from fpcheck.fingerprint.layer_names import stable_names
from fpcheck.fingerprint.structure import SEQUENTIAL_INPUT, Call, Edge, Port, Shape, trains
from fpcheck.keras_config import builtin_layers, functional_graph
from fpcheck.keras_config.draft import Draft, LayerDraft
from fpcheck.keras_config.functional_graph import Node, calls_of, check_chain
from fpcheck.keras_config.layer_config import (
    FLOAT,
    Config,
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
    """The model that a configuration describes, in the spelling of Keras 3.

    Args:
        model: the serialised model: class, module, configuration.
        label: the name of the file in messages.

    Raises:
        FpcheckError: it is not the configuration of a model.
    """
    try:
        return _Reader().model(model)
    except _MALFORMED as error:
        raise unlike_keras(label, error) from error


def unlike_keras(label: str, error: Exception) -> FpcheckError:
    """The error for a configuration that Keras does not write."""
    what = f"{type(error).__name__} {error}"[:120]
    return FpcheckError(f"{label}: its configuration is not one that Keras writes ({what})", RESAVE)


@dataclass(frozen=True)
class _Place:
    """Where a layer is.

    Attributes:
        path: its path; empty for the model itself.
        group: its group in weight files; empty for the model itself.
        trainable: whether all layers around it are trainable.
        calls: its calls in the graph; None without a graph.
        first_shape: the shape of its first input; None if unknown.
        covered: whether an enclosing layer's configuration includes its own.
    """

    path: str = ""
    group: str = ""
    trainable: bool = True
    calls: tuple[Call, ...] | None = None
    first_shape: Shape | None = None
    covered: bool = False


def _join(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name


class _Reader:
    def __init__(self) -> None:
        self.entries: list[LayerDraft] = []
        # Including layers that are removed in the end.
        self.count = 0
        # By the id that Keras gives it, the path of each layer that several models contain.
        self.shared: dict[int, str] = {}
        self.paths: dict[str, str] = {}
        # Paths of models with a graph: layers inside them do not know the names above.
        self.graphs: set[str] = set()
        # The rank of each layer's output, by path.
        self.ranks: dict[str, int | None] = {}

    def model(self, model: Config) -> Draft:
        """The outermost model."""
        class_name, custom = class_of(model)
        own = None if is_framework(model) else own_config(model["config"]) or None
        result = Draft(class_name, not is_framework(model), own, entries=self.entries)
        if has_graph(model):
            result.graph = True
            result.inputs, result.outputs = self._graph(model, _Place())
        elif not custom:
            raise ValueError(f"a {class_name} without layers")
        return result

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
            group = ""
            if not is_operation(layer):
                group = _join(model.group, f"layers/{unique_name(kind_of(layer), used)}")
            if layer["class_name"] == "InputLayer":
                inputs[name] = input_of(layer["config"])
            calls = [self._call(node, model) for node in nodes] or [Call((), {}, ())]
            first = nodes[0].first_shape if nodes else None
            path = _join(model.path, name)
            self.ranks[path] = len(inputs[name][0] or ()) or None if name in inputs else None
            self._layer(layer, _Place(path, group, model.trainable, tuple(calls), first))

        def ports(links: Any) -> tuple[Port, ...]:
            result = []
            for key, (name, call, output) in functional_graph.ports(links):
                edge = Edge(
                    self._path(_join(model.path, name)), call - (name in functional), output
                )
                shape, dtype = inputs.get(name, (None, ""))
                result.append(Port(edge.layer, shape, dtype, edge, key))
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
            if layer["class_name"] == "InputLayer":
                given = input_of(layer["config"])
            self.ranks[SEQUENTIAL_INPUT] = len(given[0]) if given[0] else None
            if layer["class_name"] == "InputLayer":
                continue
            kind = unique_name(kind_of(layer), used)
            path = self._path(_join(place.path, name_of(layer) or kind))
            calls = (Call((before,), {}, ()),)
            group = _join(place.group, f"layers/{kind}")
            self._layer(layer, _Place(path, group, place.trainable, calls))
            before = Edge(self._path(path))
        port = Port(SEQUENTIAL_INPUT, given[0], given[1], Edge(SEQUENTIAL_INPUT))
        return (port,), (Port(before.layer, None, "", before),)

    def _call(self, node: Node, model: _Place) -> Call:
        edges = tuple(Edge(self._path(_join(model.path, n)), c, o) for n, c, o in node.inputs)
        return Call(edges, plain(node.arguments), ())

    def _within_graph(self, path: str) -> str:
        """The path inside the innermost model with a graph, as in maps of dtype policies."""
        above = path
        while above := above.rpartition("/")[0]:
            if above in self.graphs:
                return path.removeprefix(f"{above}/")
        return path

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
        dtype = dtype_of(layer, self._within_graph(path))
        entry = LayerDraft(
            path=path,
            class_name=class_name,
            custom=custom,
            dtype=dtype,
            config=None,
            training={},
            calls=place.calls,
            raw=raw,
            roles=roles_of(layer, class_name, own, dtype),
            group=place.group,
            trainable=place.trainable and raw.get("trainable") is not False,
            graph=has_graph(layer),
        )
        self.entries.append(entry)
        self.count += 1
        if self.count > limits.LAYERS:
            raise ValueError(f"more than {limits.LAYERS:,} layers")
        if entry.graph:
            self._inner_model(layer, entry, place)
            return
        if not place.covered:
            own = self._configure(layer, own, entry, place)
        if is_framework(layer):
            self._inner(class_name, own, entry)

    def _inner_model(self, layer: Config, entry: LayerDraft, place: _Place) -> None:
        """Read a model that is a layer of another."""
        self.graphs.add(entry.path)
        inputs, outputs = self._graph(layer, changed(place, trainable=entry.trainable))
        last = outputs[0].source if outputs else None
        self.ranks[entry.path] = self.ranks.get(last.layer) if last else None
        if not place.covered:
            own = {} if is_framework(layer) else own_config(entry.raw)
            entry.config = own | {"inputs": _edges(inputs), "outputs": _edges(outputs)}

    def _configure(self, layer: Config, config: Config, entry: LayerDraft, place: _Place) -> Config:
        """Set what decides the layer's outputs; returns its configuration with canonical axes."""
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
        if trains(place.calls or ()):
            entry.config = {**entry.config, **entry.training}
        return config

    def _input_rank(self, layer: Config, place: _Place) -> int | None:
        """The rank of a layer's first input."""
        if shape := place.first_shape or built_on(layer):
            return len(shape)
        edges = place.calls[0].inputs if place.calls else ()
        return self.ranks.get(edges[0].layer) if edges else None

    def _inner(self, class_name: str, config: Config, outer: LayerDraft) -> None:
        """Read the layers inside a layer of Keras, and remove those without tensors."""
        inner = list(builtin_layers.inner(class_name, config))
        names = stable_names(name_of(layer) or kind_of(layer) for _, layer in inner)
        used: dict[str, int] = {}
        for (attribute, layer), name in zip(inner, names, strict=True):
            if "#" in attribute:  # layers in lists have groups by class
                attribute = f"{attribute.partition('#')[0]}/{unique_name(kind_of(layer), used)}"
            start = len(self.entries)
            path, group = f"{outer.path}/{name}", f"{outer.group}/{attribute}"
            self._layer(layer, _Place(path, group, outer.trainable, covered=True))
            added = self.entries[start:]
            if len(added) == 1 and added[0].roles == [] and not added[0].custom:
                del self.entries[start]


def _edges(ports: tuple[Port, ...]) -> list[list[Any]]:
    """The sources of the inputs or outputs of an inner model."""
    sources = (port.source for port in ports if port.source)
    return [[source.layer, source.call, source.output] for source in sources]
