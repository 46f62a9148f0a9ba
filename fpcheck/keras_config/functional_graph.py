"""The calls of layers in a functional model's configuration."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Any

from fpcheck.codec import Value
from fpcheck.fingerprint.canonical import port_key, telling
from fpcheck.fingerprint.structure import Shape

# A layer, the number of its call, the number of its output.
Link = tuple[str, int, int]


class Node(Value, frozen=True):
    """One call of a layer.

    Attributes:
        inputs: the sources of its tensors, in order.
        arguments: its arguments, with `$0`, `$1` ... for tensors; empty if it has only tensors.
        first_shape: the shape of the first tensor; None if the file does not contain it.
    """

    inputs: tuple[Link, ...]
    arguments: dict[str, Any]
    first_shape: Shape | None


def node_of(data: Any) -> Node:
    """A call, written as `{args, kwargs}` with tensors as dictionaries, or as a list of links."""
    if isinstance(data, list):
        links = tuple((str(name), int(call), int(output)) for name, call, output, *_ in data)
        return Node(links, {}, None)
    args, kwargs = data["args"], telling(data["kwargs"])
    leaves = [*_leaves([args, kwargs])]
    tensors = [leaf for leaf in leaves if _is_tensor(leaf)]
    links = tuple(_link(tensor) for tensor in tensors)
    shape = tensors[0]["config"].get("shape") if tensors else None
    first = tuple(shape) if isinstance(shape, list) and shape else None
    if not kwargs and len(tensors) == len(leaves):
        return Node(links, {}, first)
    numbers = {link: f"${place}" for place, link in enumerate(links)}
    return Node(links, _numbered({"args": args, "kwargs": kwargs}, numbers), first)


def check_chain(config: dict[str, Any]) -> None:
    """ValueError or TypeError if an entry of a Sequential is no layer, or two have one name."""
    names = [name for layer in config["layers"] if (name := _checked(layer))]
    if len({*names}) < len(names):
        raise ValueError("two layers have one name")


def calls_of(config: dict[str, Any]) -> dict[str, list[Node]]:
    """The calls of each layer of a functional model, by the layer's name.

    ValueError or TypeError if two layers have one name, an edge has no source, or edges form a
    circle.
    """
    calls: dict[str, list[Node]] = {}
    for layer in config["layers"]:
        name = _checked(layer)
        if not name or name in calls:
            raise ValueError(f"a layer without a name of its own ({name[:40]})")
        calls[name] = [node_of(data) for data in layer.get("inbound_nodes", [])]
    sources = {
        (name, place): {(source, call) for source, call, _ in node.inputs}
        for name, nodes in calls.items()
        for place, node in enumerate(nodes or [Node((), {}, None)])
    }
    for name, call in chain(*sources.values()):
        if (name, call) not in sources:
            raise ValueError(f"a layer is fed by call {call} of {name[:40]}, which there is not")
    for _, (name, call, _) in (*ports(config["input_layers"]), *ports(config["output_layers"])):
        if name not in calls or not 0 <= call <= max(1, len(calls[name])):
            raise ValueError(f"call {call} of {name[:40]} is an end of the model; there is none")
    try:
        TopologicalSorter(sources).prepare()
    except CycleError:
        raise ValueError("layers feed each other in a circle") from None
    return calls


def _checked(layer: Any) -> str:
    """The name of a layer; raises TypeError or ValueError if it is not a layer."""
    name, config = layer.get("name"), layer["config"]
    if not isinstance(layer["class_name"], str) or not isinstance(config, dict):
        raise TypeError("a layer without class_name or config")
    name = config.get("name", "") if name is None else name
    if not isinstance(name, str) or "\0" in name:
        raise TypeError(f"a layer's name is {str(name)[:40]!r}")
    return name


def ports(links: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Link]]:
    """Keys (`canonical.port_key`) and links of a model's inputs or outputs, in Keras's order."""
    if isinstance(links, dict):
        for key in sorted(links):
            yield from ports(links[key], (*path, key))
    elif len(links) == 3 and isinstance(links[0], str):
        yield port_key(path), (links[0], int(links[1]), int(links[2]))
    else:
        for place, link in enumerate(links):
            yield from ports(link, (*path, place))


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _link(tensor: dict[str, Any]) -> Link:
    name, call, output = tensor["config"]["keras_history"]
    return str(name), int(call), int(output)


def _leaves(value: Any) -> Iterator[Any]:
    """The leaves of a nested value in Keras's order: dictionaries by key."""
    if _is_tensor(value):
        yield value
    elif isinstance(value, dict) and value.get("class_name") == "__tuple__":
        yield from _leaves(value["items"])
    elif isinstance(value, dict) and "class_name" not in value:
        for key in sorted(value):
            yield from _leaves(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _numbered(value: Any, numbers: dict[Link, str]) -> Any:
    if _is_tensor(value):
        return numbers[_link(value)]
    if isinstance(value, dict):
        return {key: _numbered(item, numbers) for key, item in value.items()}
    return [_numbered(item, numbers) for item in value] if isinstance(value, list) else value
