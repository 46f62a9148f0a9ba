"""The calls of layers in a functional model's configuration."""

from collections.abc import Iterator
from typing import Any

from fpcheck.codec import Value
from fpcheck.fingerprint.canonical import port_key, telling
from fpcheck.fingerprint.structure import Shape

# Layer, which of its calls, which of its outputs.
Link = tuple[str, int, int]


class Node(Value, frozen=True):
    """One call of a layer.

    Attributes:
        inputs: the tensors that it is given, in order.
        arguments: all else, with `$0`, `$1` ... for tensors; empty for plain calls.
        first_shape: the shape of the first tensor; None where the file does not tell.
    """

    inputs: tuple[Link, ...]
    arguments: dict[str, Any]
    first_shape: Shape | None


def node_of(data: Any) -> Node:
    """A call as files write it.

    Args:
        data: `{args, kwargs}` with tensors as dictionaries, or a list of [layer, call, output].
    """
    if isinstance(data, list):
        links = tuple((str(name), int(call), int(output)) for name, call, output, *_ in data)
        return Node(links, {}, None)
    args = data["args"]
    kwargs = telling(data["kwargs"])
    tensors = list(_tensors([args, kwargs]))
    links = tuple(_link(tensor) for tensor in tensors)
    shape = tensors[0]["config"].get("shape") if tensors else None
    first = tuple(shape) if isinstance(shape, list) and shape else None
    if not kwargs and all(_is_tensor(leaf) for leaf in _leaves(args)):
        return Node(links, {}, first)
    numbers = {link: f"${place}" for place, link in enumerate(links)}
    arguments = {"args": _numbered(args, numbers), "kwargs": _numbered(kwargs, numbers)}
    return Node(links, arguments, first)


def check_chain(config: dict[str, Any]) -> None:
    """Refuse a chain whose layers are not what layers are; ValueError, TypeError."""
    names = [_checked(layer) for layer in config["layers"]]
    given = [name for name in names if name]
    if len({*given}) < len(given):
        raise ValueError("two layers have one name")


def calls_of(config: dict[str, Any]) -> dict[str, list[Node]]:
    """The calls of each layer of a functional model, by its name.

    Raises:
        ValueError, TypeError: it cannot be: names twice, edges from nowhere, circles.
    """
    calls: dict[str, list[Node]] = {}
    for layer in config["layers"]:
        name = _checked(layer)
        if not name or name in calls:
            raise ValueError(f"a layer without a name of its own ({name[:40]})")
        calls[name] = [node_of(data) for data in layer.get("inbound_nodes", [])]
    waiting: dict[tuple[str, int], int] = {}
    feeds: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for name, nodes in calls.items():
        for place, node in enumerate(nodes or [Node((), {}, None)]):
            sources = {(source, call) for source, call, _ in node.inputs}
            waiting[name, place] = len(sources)
            for source in sources:
                feeds.setdefault(source, []).append((name, place))
    for name, call in feeds:
        if (name, call) not in waiting:
            raise ValueError(f"a layer is fed by call {call} of {name[:40]}, which there is not")
    for name, call, _ in (
        *port_edges(config["input_layers"]),
        *port_edges(config["output_layers"]),
    ):
        if name not in calls or not 0 <= call <= max(1, len(calls[name])):
            raise ValueError(f"call {call} of {name[:40]} is an end of the model; there is none")
    _check_circles(waiting, feeds)
    return calls


def _check_circles(
    waiting: dict[tuple[str, int], int], feeds: dict[tuple[str, int], list[tuple[str, int]]]
) -> None:
    ready = [node for node, count in waiting.items() if not count]
    done = 0
    while ready:
        done += 1
        for fed in feeds.get(ready.pop(), []):
            waiting[fed] -= 1
            if not waiting[fed]:
                ready.append(fed)
    if done < len(waiting):
        raise ValueError("layers feed each other in a circle")


def _checked(layer: Any) -> str:
    """The name of a layer that has the parts of one; TypeError, ValueError."""
    name, config = layer.get("name"), layer["config"]
    if not isinstance(layer["class_name"], str) or not isinstance(config, dict):
        raise TypeError("a layer without class_name or config")
    name = config.get("name", "") if name is None else name
    if not isinstance(name, str) or "\0" in name:
        raise TypeError(f"a layer's name is {str(name)[:40]!r}")
    return name


def port_edges(links: Any) -> Iterator[Link]:
    """The inputs or outputs of a model, in the order in which Keras flattens them."""
    return (link for _, link in ports(links))


def ports(links: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Link]]:
    """The same, each with where it stands; see `canonical.port_key`."""
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
    """Leaves in the order in which Keras flattens: dictionaries by key."""
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


def _tensors(value: Any) -> Iterator[dict[str, Any]]:
    return (leaf for leaf in _leaves(value) if _is_tensor(leaf))


def _numbered(value: Any, numbers: dict[Link, str]) -> Any:
    if _is_tensor(value):
        return numbers[_link(value)]
    if isinstance(value, dict):
        return {key: _numbered(item, numbers) for key, item in value.items()}
    return [_numbered(item, numbers) for item in value] if isinstance(value, list) else value
