"""A model's configuration as a file holds it, read as the live model would tell its structure.

Nothing is built and nothing is executed: a configuration is data. What it does not say (output
shapes, the layers inside custom ones) is unknown.
"""

from dataclasses import dataclass, field
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.files import limits
from fpcheck.files.refusals import RESAVE
from fpcheck.fingerprint.attribute_rules import from_the_end
from fpcheck.fingerprint.canonical import own_config, plain, split_config
from fpcheck.fingerprint.layer_names import stable_names
from fpcheck.fingerprint.structure import (
    SEQUENTIAL_INPUT,
    Call,
    Edge,
    Port,
    Shape,
    trains,
)
from fpcheck.keras_config import builtin_layers, functional_graph
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
from fpcheck.layout.group_names import unique_name


@dataclass
class Entry:
    """One layer, as the configuration tells it.

    Attributes:
        path: its path in the model.
        class_name: its class.
        custom: it, or a function that it holds, is not the framework's own code.
        dtype: name of its dtype policy.
        config: what decides its outputs; None where an enclosing layer says it all.
        training: what matters in training only.
        calls: its uses in the graph; None without a graph.
        raw: the configuration as it stands.
        roles: of its own tensors; None where unknown.
        store: where Keras 3 containers keep its tensors.
        trainable: whether it and all around it may be trained.
        graph: whether it is a model, which says how its layers are connected.
    """

    path: str
    class_name: str
    custom: bool
    dtype: str
    config: Config | None
    training: Config
    calls: tuple[Call, ...] | None
    raw: Config
    roles: list[str] | None
    store: str
    trainable: bool
    graph: bool


@dataclass
class Draft:
    """A model without its tensors; `config` is what one of custom class says beside its graph."""

    class_name: str
    custom: bool
    config: Config | None = None
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    graph: bool = False
    entries: list[Entry] = field(default_factory=list)


def draft(model: Config, label: str) -> Draft:
    """The model that a configuration describes, in the spelling of Keras 3.

    Args:
        model: what serialising the model gave: class, module, configuration.
        label: how messages name the file.

    Raises:
        FpcheckError: it is no configuration of a model.
    """
    try:
        return _Reader().model(model)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        RecursionError,
        OverflowError,
    ) as error:
        raise unlike_keras(label, error) from error


def unlike_keras(label: str, error: Exception) -> FpcheckError:
    """The error that a configuration is not what Keras writes."""
    what = f"{type(error).__name__} {error}"[:120]
    return FpcheckError(f"{label}: its configuration is not one that Keras writes ({what})", RESAVE)


class _Reader:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        # Those too that are not told of in the end.
        self.count = 0
        # Paths of layers that are written in several models, by the id that Keras gives them.
        self.shared: dict[int, str] = {}
        self.paths: dict[str, str] = {}
        # Paths of models with a graph: the layers in them know no name above.
        self.graphs: set[str] = set()
        # Dimensions of what layers give, by path.
        self.ranks: dict[str, int | None] = {}

    def model(self, model: Config) -> Draft:
        """The outermost model."""
        class_name, custom = class_of(model)
        own = None if is_framework(model) else own_config(model["config"]) or None
        found = Draft(class_name, not is_framework(model), own, entries=self.entries)
        if has_graph(model):
            found.graph = True
            found.inputs, found.outputs = self._graph(model, "", "", True)
        elif not custom:
            raise ValueError(f"a {class_name} without layers")
        return found

    def _graph(
        self, model: Config, prefix: str, store: str, trainable: bool
    ) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        """Read the layers of a model with a graph; its ports."""
        config = model["config"]
        trainable = trainable and config.get("trainable") is not False
        if "input_layers" in config:
            return self._functional(config, prefix, store, trainable)
        return self._sequential(model, prefix, store, trainable)

    def _functional(
        self, config: Config, prefix: str, store: str, trainable: bool
    ) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        calls_by_name = calls_of(config)
        used: dict[str, int] = {}
        shapes: dict[str, tuple[Shape | None, str]] = {}
        functional = {la["name"] for la in config["layers"] if "input_layers" in la["config"]}
        for layer in config["layers"]:
            name = str(layer["name"])
            nodes = calls_by_name[name]
            own = ""
            if not is_operation(layer):
                own = f"{store}layers/{unique_name(kind_of(layer), used)}"
            if layer["class_name"] == "InputLayer":
                shapes[name] = input_of(layer["config"])
            calls = [self._call(node, prefix) for node in nodes] or [Call((), {}, ())]
            first = nodes[0].first_shape if nodes else None
            path = prefix + name
            self.ranks[path] = len(shapes[name][0] or ()) or None if name in shapes else None
            self._layer(layer, path, own, trainable, False, tuple(calls), first)

        def ports(links: Any) -> tuple[Port, ...]:
            found = []
            for key, (name, call, output) in functional_graph.ports(links):
                edge = Edge(self._path(prefix + name), call - (name in functional), output)
                shape, dtype = shapes.get(name, (None, ""))
                found.append(Port(edge.layer, shape, dtype, edge, key))
            return tuple(found)

        return ports(config["input_layers"]), ports(config["output_layers"])

    def _sequential(
        self, model: Config, prefix: str, store: str, trainable: bool
    ) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        config, used = model["config"], dict[str, int]()
        check_chain(config)
        before = Edge(SEQUENTIAL_INPUT)
        shape = config.get("build_input_shape") or (model.get("build_config") or {}).get(
            "input_shape"
        )
        given: tuple[Shape | None, str] = (shape_of(shape), FLOAT)
        for layer in config["layers"]:
            if layer["class_name"] == "InputLayer":
                given = input_of(layer["config"])
            self.ranks[SEQUENTIAL_INPUT] = len(given[0]) if given[0] else None
            if layer["class_name"] == "InputLayer":
                continue
            place = unique_name(kind_of(layer), used)
            name, own = name_of(layer) or place, f"{store}layers/{place}"
            path = self._path(prefix + name)
            self._layer(layer, path, own, trainable, False, (Call((before,), {}, ()),), None)
            before = Edge(self._path(path))
        port = Port(SEQUENTIAL_INPUT, given[0], given[1], Edge(SEQUENTIAL_INPUT))
        return (port,), (Port(before.layer, None, "", before),)

    def _call(self, node: Node, prefix: str) -> Call:
        edges = tuple(Edge(self._path(prefix + n), c, o) for n, c, o in node.inputs)
        return Call(edges, plain(node.arguments), ())

    def _within_graph(self, path: str) -> str:
        """A path as the layer itself knows it, which is what a map of dtype policies names."""
        above = path
        while above := above.rpartition("/")[0]:
            if above in self.graphs:
                return path.removeprefix(f"{above}/")
        return path

    def _path(self, path: str) -> str:
        return self.paths.get(path, path)

    def _layer(
        self, layer: Config, path: str, store: str, trainable: bool, covered: bool,
        calls: tuple[Call, ...] | None, first: Shape | None,
    ) -> None:  # fmt: skip
        """One layer and all that is in it, unless it was read already in another model."""
        identity = layer.get("shared_object_id")
        if isinstance(identity, int) and self.shared.setdefault(identity, path) != path:
            self.paths[path] = self.shared[identity]
            return
        raw = layer["config"] if isinstance(layer["config"], dict) else {}
        class_name, custom = class_of(layer)
        own = builtin_layers.completed(class_name, raw) if is_framework(layer) else raw
        trainable = trainable and raw.get("trainable") is not False
        dtype = dtype_of(layer, self._within_graph(path))
        roles = roles_of(layer, class_name, own, dtype)
        entry = Entry(path, class_name, custom, dtype, None, {}, calls, raw, roles, store,
                      trainable, has_graph(layer))  # fmt: skip
        self.entries.append(entry)
        self.count += 1
        if self.count > limits.LAYERS:
            raise ValueError(f"more than {limits.LAYERS:,} layers")
        if has_graph(layer):
            self.graphs.add(path)
            ports = self._graph(layer, path + "/", store + "/", trainable)
            last = ports[1][0].source if ports[1] else None
            self.ranks[path] = self.ranks.get(last.layer) if last else None
            if not covered:
                told = {} if is_framework(layer) else own_config(raw)
                entry.config = {**told, **_edges(*ports)}
            return
        if not covered:
            rank = self._rank(layer, calls, first)
            if is_framework(layer) and own.get("axis") is not None:
                axis = from_the_end(plain(own["axis"]), rank, class_name)
                listed = class_name == "Normalization" and not isinstance(axis, list)
                own = {**own, "axis": [axis] if listed else axis}  # Keras 2 writes one axis bare
            if path not in self.ranks or self.ranks[path] is None:
                self.ranks[path] = rank_after(class_name, own, rank) if not custom else None
            entry.config, entry.training = split_config(own, class_name, not is_framework(layer))
            if trains(calls or ()):
                entry.config = {**entry.config, **entry.training}
        if is_framework(layer):
            self._inner(class_name, own, entry)

    def _rank(
        self, layer: Config, calls: tuple[Call, ...] | None, first: Shape | None
    ) -> int | None:
        """Dimensions of a layer's first input."""
        shape = first or built_on(layer)
        if shape:
            return len(shape)
        edges = calls[0].inputs if calls else ()
        return self.ranks.get(edges[0].layer) if edges else None

    def _inner(self, class_name: str, config: Config, outer: Entry) -> None:
        """Layers inside a layer of the framework; those without tensors are not told of."""
        held = list(builtin_layers.inner(class_name, config))
        names = stable_names(name_of(layer) or kind_of(layer) for _, layer in held)
        used: dict[str, int] = {}
        for (place, layer), name in zip(held, names, strict=True):
            if "#" in place:  # in a list, named by class
                place = f"{place.partition('#')[0]}/{unique_name(kind_of(layer), used)}"
            start = len(self.entries)
            self._layer(layer, f"{outer.path}/{name}", f"{outer.store}/{place}", outer.trainable,
                        True, None, None)  # fmt: skip
            below = self.entries[start + 1 :]
            inner = self.entries[start] if len(self.entries) > start else None
            if inner and not below and inner.roles == [] and not inner.custom:
                del self.entries[start]


def _edges(inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> Config:
    """Where a model inside takes its inputs and its outputs from."""
    return {
        key: [[p.source.layer, p.source.call, p.source.output] for p in side if p.source]
        for key, side in (("inputs", inputs), ("outputs", outputs))
    }
