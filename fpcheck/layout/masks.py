"""Masks: the operations with which Keras 3 makes them, which other formats do not store."""

from collections.abc import Iterator

from msgspec.structs import replace

from fpcheck.fingerprint.canonical import replaced
from fpcheck.fingerprint.structure import Call, Edge, Layer, Structure

# Operations that Keras's layers call in `compute_mask`, besides the comparison with a value.
_OPERATIONS = {"ops.Any", "ops.All", "ops.Concatenate", "ops.ExpandDims", "ops.Cast"} | {
    *("ops.OnesLike", "ops.ZerosLike", "ops.LogicalOr", "ops.LogicalAnd", "ops.BroadcastTo")
}


def without_masks(structure: Structure) -> Structure:
    """A structure without the operations that make masks, and without their results in calls.

    These operations follow from the layers whose inputs they mask. A mask that the user made in
    another way does not, so it stays.
    """
    makers = _mask_makers(structure)
    layers = tuple(
        replace(layer, calls=layer.calls and tuple(_unmasked(call, makers) for call in layer.calls))
        for layer in structure.layers
        if layer.path not in makers
    )
    return replace(structure, layers=layers)


def _mask_makers(structure: Structure) -> set[str]:
    """Paths of operations whose results are only used as masks, or to make masks."""
    masked = {
        (call.inputs, float((layer.config or {}).get("mask_value", 0)))
        for layer in structure.layers
        if layer.class_name == "Masking" or (layer.config or {}).get("mask_zero")
        for call in layer.calls or ()
    }
    operations = {la.path for la in structure.layers if _may_make_mask(la, masked)}
    makers = operations - {port.source.layer for port in structure.outputs if port.source}
    while True:
        others = (layer for layer in structure.layers if layer.path not in makers)
        calls = [call for layer in others for call in layer.calls or ()]
        edges = ((call, n, edge) for call in calls for n, edge in enumerate(call.inputs))
        used = {edge.layer for call, n, edge in edges if n not in _mask_positions(call)}
        if not makers & used:
            return makers
        makers -= used


def _may_make_mask(layer: Layer, masked: set[tuple[tuple[Edge, ...], float]]) -> bool:
    """Whether an operation may make a mask; `masked` are inputs with the values to mask."""
    if layer.class_name != "ops.NotEqual":
        return layer.class_name in _OPERATIONS
    compared = [(call.inputs, call.arguments.get("args", [])[1:]) for call in layer.calls or ()]
    return all(len(values) == 1 and (edges, values[0]) in masked for edges, values in compared)


def _mask_positions(call: Call) -> set[int]:
    """The positions of the inputs of a call that are masks."""
    mask = call.arguments.get("kwargs", {}).get("mask")
    masks = mask if isinstance(mask, list) else [mask]
    return {int(text[1:]) for text in masks if isinstance(text, str) and text.startswith("$")}


def _unmasked(call: Call, makers: set[str]) -> Call:
    masks = {p for p in _mask_positions(call) if call.inputs[p].layer in makers}
    if not masks:
        return call
    others = [position for position in range(len(call.inputs)) if position not in masks]
    numbers = {f"${old}": f"${new}" for new, old in enumerate(others)}
    kwargs = {key: value for key, value in call.arguments["kwargs"].items() if key != "mask"}
    args = replaced(call.arguments["args"], numbers)
    plain = not kwargs and all(isinstance(a, str) and a in numbers.values() for a in _leaves(args))
    arguments = {} if plain else {"args": args, "kwargs": replaced(kwargs, numbers)}
    return replace(call, inputs=tuple(call.inputs[p] for p in others), arguments=arguments)


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
