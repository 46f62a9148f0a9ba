"""The graph of a live Keras model: the calls of its layers, its inputs and its outputs."""

from collections.abc import Iterator
from typing import Any

from fpcheck.fingerprint.canonical import plain, port_key, telling
from fpcheck.fingerprint.structure import SEQUENTIAL_INPUT, Call, Edge, Port, Shape
from fpcheck.model.layer_walk import Place, chain, graph_of

# The path of each layer, by the identity of the live object.
Paths = dict[int, str]


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


def has_fixed_batch(model: Any) -> bool:
    """Whether the batch size of an input may not vary."""
    graph = graph_of(model)
    return graph is not None and any(tensor.shape[0] is not None for tensor in graph.inputs)
