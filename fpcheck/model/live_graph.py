"""The graph of a live Keras model: the calls of its layers, its inputs and its outputs."""

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
        return (_link(place, graph, paths),)
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


def _link(place: Place, graph: Any, paths: Paths) -> Call:
    """A layer's call in a chain, as all formats contain it: masks follow from configurations."""
    before = SEQUENTIAL_INPUT
    for layer in chain(place.parent):
        if layer is place.layer:
            break
        before = paths[id(layer)]
    outputs = _own_nodes(place.layer, graph)[0].outputs if graph is not None else ()
    return Call((Edge(before),), {}, tuple(_shape(tensor.shape) for tensor in outputs))


def edge(tensor: Any, parent: Any, paths: Paths) -> Edge:
    """The layer and the call that a tensor in the graph of a model comes from."""
    import keras

    history = tensor._keras_history
    if isinstance(parent, keras.Sequential) and isinstance(
        history.operation, keras.layers.InputLayer
    ):
        return Edge(SEQUENTIAL_INPUT)
    call = _rank(graph_of(parent), history)
    return Edge(paths[id(history.operation)], call, history.tensor_index)


def _own_nodes(operation: Any, graph: Any) -> list[Any]:
    """The layer's calls in this graph. It may be called in other graphs too."""
    from keras.src.ops.function import make_node_key

    return [
        node
        for place, node in enumerate(operation._inbound_nodes)
        if make_node_key(operation, place) in graph._nodes
    ]


def _rank(graph: Any, history: Any) -> int:
    """The index of the layer's call in this graph that returned a tensor."""
    wanted = history.operation._inbound_nodes[history.node_index]
    return _own_nodes(history.operation, graph).index(wanted)


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
    if graph is None:
        called = _called_inputs(model)
        if is_bare_chain(model) and len(called) == 1:
            return (
                Port(SEQUENTIAL_INPUT, called[0].shape, called[0].dtype, Edge(SEQUENTIAL_INPUT)),
            )
        return called
    return _ports(graph._inputs_struct, model, paths)


def output_ports(model: Any, paths: Paths) -> tuple[Port, ...]:
    """The outputs of a model, in order; empty if it has no graph."""
    graph = graph_of(model)
    if graph is not None:
        return _ports(graph._outputs_struct, model, paths)
    if is_bare_chain(model):
        last = paths[id(chain(model)[-1])]
        return (Port(last, None, "", Edge(last)),)
    return ()


def is_bare_chain(model: Any) -> bool:
    """Whether it is a Sequential that Keras could not trace, so that it has no shapes."""
    import keras

    return isinstance(model, keras.Sequential) and graph_of(model) is None


def _ports(nested: Any, model: Any, paths: Paths) -> tuple[Port, ...]:
    import keras

    found: list[Port] = []
    for path, tensor in keras.tree.flatten_with_path(nested):
        source = edge(tensor, model, paths)
        found.append(
            Port(source.layer, _shape(tensor.shape), str(tensor.dtype), source, port_key(path))
        )
    return tuple(found)


def _called_inputs(model: Any) -> tuple[Port, ...]:
    """Inputs of a model without a graph: Keras keeps the shapes of its first call."""
    import keras

    shapes = getattr(model, "_build_shapes_dict", None) or {}
    found: list[Port] = []
    for name, shape in shapes.items():
        nested = shape.items() if isinstance(shape, dict) else [(name, shape)]
        for port, sizes in nested:
            if isinstance(sizes, list | tuple) and all(
                size is None or isinstance(size, int) for size in sizes
            ):
                found.append(Port(str(port), (None, *sizes[1:]), keras.config.floatx(), None))
    return tuple(found)


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
