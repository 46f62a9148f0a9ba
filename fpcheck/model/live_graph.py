"""The layers of a live Keras model by paths that every process gives them, and their calls."""

from collections.abc import Iterator
from typing import Any

from fpcheck.codec import Value
from fpcheck.fingerprint.canonical import plain, port_key, telling
from fpcheck.fingerprint.layer_names import stable_names
from fpcheck.fingerprint.structure import ROOT, SEQUENTIAL_INPUT, Call, Edge, Port, Shape

# The path of each layer, by the identity of the live object.
Paths = dict[int, str]


class Place(Value, frozen=True):
    """A live layer (or operation), its path in the model, and the model or layer that contains it.

    It is covered if the configuration of a layer of Keras around it contains its own.
    """

    path: str
    layer: Any
    parent: Any
    covered: bool


def walk(model: Any) -> list[Place]:
    """Every layer below a model, outer ones first, in the model's order, each once."""
    places: list[Place] = []
    if own_variables(model):  # a subclassed model may add weights itself
        places.append(Place(ROOT, model, model, covered=True))
    _descend(model, "", False, {id(model)}, places)
    return places


def _descend(parent: Any, prefix: str, covered: bool, seen: set[int], places: list[Place]) -> None:
    import keras

    children = [c for c in _children(parent) if id(c) not in seen]
    names = [child.name for child in children]
    if graph_of(parent) is None and not isinstance(parent, keras.Sequential):
        names = stable_names(names)  # outside graphs, the process numbers layers
    for child, name in zip(children, names, strict=True):
        if id(child) in seen:
            continue
        seen.add(id(child))
        place = Place(prefix + name, child, parent, covered)
        below: list[Place] = []
        inside = not isinstance(child, keras.Model) and (covered or is_builtin(type(child)))
        _descend(child, place.path + "/", inside, seen, below)
        if covered and not below and not own_variables(child) and not is_custom(child):
            continue
        places += [place, *below]


def _children(parent: Any) -> list[Any]:
    import keras

    graph, layers = graph_of(parent), getattr(parent, "_layers", None) or []
    if isinstance(parent, keras.Sequential):
        return chain(parent)
    if graph is not None:
        # A user's class may call layers that are not in its graph.
        return _once([*graph._operations, *([] if is_builtin(type(parent)) else layers)])
    return [] if hasattr(parent, "get_vocabulary") else _once(layers)


def _once(items: list[Any]) -> list[Any]:
    return list({id(item): item for item in items}.values())


def chain(model: Any) -> list[Any]:
    """The layers of a Sequential model without its input, which not every format contains."""
    import keras

    return [la for la in model.layers if not isinstance(la, keras.layers.InputLayer)]


def graph_of(parent: Any) -> Any:
    """The Functional whose nodes are the calls of a model's layers; None without a graph."""
    import keras

    if isinstance(parent, keras.Sequential):
        return parent._functional
    return parent if isinstance(parent, keras.src.models.functional.Functional) else None


def is_builtin(kind: Any) -> bool:
    """Whether a class or function is part of Keras."""
    return str(getattr(kind, "__module__", "")).split(".")[0] == "keras"


def is_custom(layer: Any) -> bool:
    """Whether a layer's class, or a callable among its attributes, is not part of Keras."""
    if not is_builtin(type(layer)):
        return True
    return any(callable(value) and not is_builtin(value) for value in vars(layer).values())


def own_variables(layer: Any) -> list[Any]:
    """A layer's variables, without those of layers inside it, seeds, metrics and adapters.

    Keras merges low-rank adapters (LoRA) into the kernel when it saves a model, so fpcheck measures
    the merged kernel; see `effective`.
    """
    trainable = getattr(layer, "_trainable_variables", None) or []
    fixed = getattr(layer, "_non_trainable_variables", None) or []
    found = _once([*trainable, *fixed])
    if getattr(layer, "lora_enabled", False):
        found = [v for v in found if not v.name.startswith("lora_")]
    # A quantized layer has an order in which files contain its variables.
    spec = getattr(layer, "variable_serialization_spec", None) or {}
    order = spec.get(getattr(layer, "quantization_mode", None)) or []
    return sorted(found, key=lambda v: order.index(v.name) if v.name in order else len(order))


def effective(layer: Any, variable: Any) -> Any:
    """The value that the layer computes with, which is the merged one for an adapted kernel."""
    if getattr(layer, "lora_enabled", False):
        for name in ("kernel", "embeddings"):
            if getattr(layer, f"_{name}", None) is variable:
                return getattr(layer, name)
    return variable.value


def calls(place: Place, paths: Paths) -> tuple[Call, ...] | None:
    """The calls of a layer in the graph around it; None if there is no graph."""
    import keras

    graph = graph_of(place.parent)
    if isinstance(place.parent, keras.Sequential):
        # As all formats contain a chain: masks follow from configurations.
        layers = [id(layer) for layer in chain(place.parent)]
        position = layers.index(id(place.layer))
        before = Edge(paths[layers[position - 1]] if position else SEQUENTIAL_INPUT)
        outputs = _own_nodes(place.layer, graph)[0].outputs if graph is not None else ()
        return (Call((before,), {}, tuple(_shape(tensor.shape) for tensor in outputs)),)
    if graph is None:
        return None
    return tuple(
        Call(
            inputs=tuple(edge(tensor, place.parent, paths) for tensor in node.input_tensors),
            arguments=_arguments(node),
            output_shapes=tuple(_shape(tensor.shape) for tensor in node.outputs),
        )
        for node in _own_nodes(place.layer, graph)
    )


def edge(tensor: Any, parent: Any, paths: Paths) -> Edge:
    """The layer and the call that a tensor in the graph of a model comes from."""
    import keras

    source, node, output = tensor._keras_history
    if isinstance(parent, keras.Sequential) and isinstance(source, keras.layers.InputLayer):
        return Edge(SEQUENTIAL_INPUT)
    call = _own_nodes(source, graph_of(parent)).index(source._inbound_nodes[node])
    return Edge(paths[id(source)], call, output)


def _own_nodes(operation: Any, graph: Any) -> list[Any]:
    """The layer's calls in this graph. It may be called in other graphs too."""
    from keras.src.ops.function import make_node_key

    return [
        node
        for place, node in enumerate(operation._inbound_nodes)
        if make_node_key(operation, place) in graph._nodes
    ]


def _arguments(node: Any) -> dict[str, Any]:
    """The arguments of a call, with `$0`, `$1` ... for tensors; empty if it takes only tensors."""
    import keras

    numbers = {id(tensor): f"${i}" for i, tensor in enumerate(node.input_tensors)}
    named = telling(node.arguments.kwargs)
    if not named and all(id(leaf) in numbers for leaf in keras.tree.flatten(node.arguments.args)):
        return {}

    def numbered(leaf: Any) -> Any:
        return numbers[id(leaf)] if id(leaf) in numbers else plain(leaf)

    return {
        "args": plain(keras.tree.map_structure(numbered, list(node.arguments.args))),
        "kwargs": plain(keras.tree.map_structure(numbered, named)),
    }


def input_ports(model: Any, paths: Paths) -> tuple[Port, ...]:
    """The inputs of a model, in order."""
    graph = graph_of(model)
    if graph is not None:
        return _ports(graph._inputs_struct, model, paths)
    called = tuple(_called_inputs(model))
    if is_bare_chain(model) and len(called) == 1:
        edge = Edge(SEQUENTIAL_INPUT)
        return (Port(SEQUENTIAL_INPUT, called[0].shape, called[0].dtype, edge),)
    return called


def output_ports(model: Any, paths: Paths) -> tuple[Port, ...]:
    """The outputs of a model, in order; empty if it has no graph."""
    graph = graph_of(model)
    if graph is not None:
        return _ports(graph._outputs_struct, model, paths)
    last = paths[id(chain(model)[-1])] if is_bare_chain(model) else None
    return () if last is None else (Port(last, None, "", Edge(last)),)


def is_bare_chain(model: Any) -> bool:
    """Whether it is a Sequential that Keras could not trace, so that it has no shapes."""
    import keras

    return isinstance(model, keras.Sequential) and graph_of(model) is None


def _ports(nested: Any, model: Any, paths: Paths) -> tuple[Port, ...]:
    import keras

    sources = [(edge(t, model, paths), key, t) for key, t in keras.tree.flatten_with_path(nested)]
    return tuple(
        Port(source.layer, _shape(tensor.shape), str(tensor.dtype), source, port_key(path))
        for source, path, tensor in sources
    )


def _called_inputs(model: Any) -> Iterator[Port]:
    """Inputs of a model without a graph: Keras keeps the shapes of its first call."""
    import keras

    shapes = getattr(model, "_build_shapes_dict", None) or {}
    for name, shape in shapes.items():
        for port, sizes in shape.items() if isinstance(shape, dict) else [(name, shape)]:
            if isinstance(sizes, list | tuple) and all(isinstance(s, int | None) for s in sizes):
                yield Port(str(port), (None, *sizes[1:]), keras.config.floatx(), None)


def _shape(shape: Any) -> Shape:
    return tuple(None if size is None else int(size) for size in shape)


def output_names(model: Any, count: int) -> list[str]:
    """The names of a model's outputs; numbered names if it has none."""
    graph = graph_of(model)
    names = [t._keras_history.operation.name for t in graph.outputs] if graph is not None else []
    return names if len(names) == count else [f"output_{place}" for place in range(count)]
