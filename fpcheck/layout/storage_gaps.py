"""What a container does not tell, set aside on both sides before two fingerprints are compared.

A file says less than a live model: a Keras 2 file has no output shapes, and no file has the layers
inside a custom layer. What is not told is unknown: never a difference. What of it can decide an
output is never proved either; `comparison.proof` has the list.

- Output shapes follow from configurations, and those of custom layers from their code.
- Masks that Keras makes follow from the layers that make them; all others stay.
- Layers inside a custom one, and the graph and the inputs of a model of custom class, follow from
  its configuration, which is compared, and its code, which is never taken as proved.
- Files that a custom class saves beside its weights (assets) can decide outputs: see `proof`.
"""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from fpcheck.fingerprint.fingerprint import Fingerprint, measured_by_place
from fpcheck.fingerprint.first_recipe import of_one_recipe
from fpcheck.fingerprint.layer_names import stable_paths
from fpcheck.fingerprint.structure import (
    ASSET,
    ASSETS,
    GRAPH,
    INNER_LAYERS,
    INPUTS,
    MASKS,
    OUTPUT_SHAPES,
    ROOT,
    Call,
    Edge,
    Layer,
    Structure,
    Tensor,
)


def alike(first: Fingerprint, second: Fingerprint) -> tuple[Fingerprint, Fingerprint]:
    """Both fingerprints without what either of them does not tell."""
    first, second = of_one_recipe(first, second)
    structures = without(first.structure, second.structure)
    return first.restricted(structures[0]), second.restricted(structures[1])


def says_less(structure: Structure) -> bool:
    """Whether a container leaves out what only the live model tells, and what can decide outputs.

    Output shapes and masks follow from what it tells.
    """
    lacking = any(layer.untold or layer.outside for layer in structure.layers)
    return lacking or structure.custom_code or ASSETS in structure.untold


def untold_assets(first: Fingerprint, second: Fingerprint) -> list[str]:
    """Roles of the files of custom classes that one side holds and the other does not tell."""
    sides = (first.structure, second.structure), (second.structure, first.structure)
    return [
        tensor.role
        for own, other in sides
        for layer, tensor in own.tensors
        if ASSETS in other.untold and layer.path == ROOT and _is_asset(tensor)
    ]


def completed(fingerprint: Fingerprint, live: Fingerprint) -> Fingerprint:
    """A fingerprint read from a file, with what the file does not tell taken from the live model.

    Where the live model is built otherwise than the file says, the file stands.

    Args:
        fingerprint: read from a file.
        live: of the model that the framework loads from it; its weights only where the file does
            not tell some state that layers derive.
    """
    own, whole = fingerprint.structure, live.structure
    ours, theirs = without(own, replace(whole, untold=()))
    if ours.shape_key != theirs.shape_key:
        return fingerprint
    outside = {t.path: o.outside for o, t in zip(ours.layers, theirs.layers, strict=True)}
    whole = replace(whole, layers=tuple(
        replace(layer, outside=outside.get(layer.path, ())) for layer in whole.layers
    ))  # fmt: skip
    if fingerprint.weights is None:
        return replace(fingerprint, structure=whole)
    held, known = measured_by_place(fingerprint), measured_by_place(live)
    for layer, other in zip(theirs.layers, ours.layers, strict=True):
        for tensor, read in _same_tensors(layer, other):
            known[layer.path, tensor.index] = held[other.path, read.index]
    weights = tuple(known[layer.path, tensor.index] for layer, tensor in whole.tensors)
    return replace(fingerprint, structure=whole, weights=weights)


def _same_tensors(live: Layer, read: Layer) -> Iterator[tuple[Tensor, Tensor]]:
    """Weights by their order, derived state by what it is called."""
    yield from zip(live.stored, read.stored, strict=True)
    derived = {t.role: t for t in read.tensors if t.derived}
    yield from ((t, derived[t.role]) for t in live.tensors if t.derived and t.role in derived)


def without(first: Structure, second: Structure) -> tuple[Structure, Structure]:
    """Two structures with the aspects set aside that either of them does not tell."""
    untold = {*first.untold, *second.untold}
    owners = _owners(first) | _owners(second)
    for aspect in sorted(untold & {INNER_LAYERS, *_SET_ASIDE}):
        if aspect == INNER_LAYERS:
            first, second = _inner_layers(first, owners), _inner_layers(second, owners)
        else:
            first, second = _SET_ASIDE[aspect](first), _SET_ASIDE[aspect](second)
    return first, second


def _owners(structure: Structure) -> set[str]:
    """Custom layers that do not say what is in them; one with a graph says it layer by layer."""
    return {
        layer.path for layer in structure.layers
        if layer.custom and "outputs" not in (layer.config or {})
    }  # fmt: skip


def _output_shapes(structure: Structure) -> Structure:
    def bare(layer: Layer) -> Layer:
        calls = layer.calls and tuple(replace(call, output_shapes=()) for call in layer.calls)
        return replace(layer, calls=calls)

    outputs = tuple(replace(port, shape=None, dtype="") for port in structure.outputs)
    return replace(structure, outputs=outputs, layers=tuple(map(bare, structure.layers)))


def _is_asset(tensor: Tensor) -> bool:
    return tensor.derived and tensor.role.startswith(ASSET)


def _assets(structure: Structure) -> Structure:
    def bare(layer: Layer) -> Layer:
        return replace(layer, tensors=tuple(
            t for t in layer.tensors if not _is_asset(t)
        ))  # fmt: skip

    layers = (bare(la) if la.path == ROOT else la for la in structure.layers)
    kept = tuple(la for la in layers if la.path != ROOT or la.tensors or la.config)
    return replace(structure, layers=kept)


def _inputs(structure: Structure) -> Structure:
    return replace(structure, inputs=())


def _inner_layers(structure: Structure, owners: set[str]) -> Structure:
    """Layers below a custom one keep their path and their tensors, and nothing else.

    So do layers that a model of custom class has beside its graph, where no layer calls them.
    """
    beside = {
        layer.path for layer in structure.layers
        if structure.custom and structure.outputs and "/" not in layer.path and not layer.calls
    } - {ROOT}  # fmt: skip

    def owner(path: str) -> str | None:
        above = next((a for a in _ancestors(path) if a in owners), None)
        return "" if {path, path.partition("/")[0]} & beside else above

    return _opened(structure, owner)


def _graph(structure: Structure) -> Structure:
    """Of a model of custom class whose file tells no graph: the same for all of its layers."""
    opened = _opened(structure, lambda path: None if path == ROOT else "")
    return replace(opened, inputs=(), outputs=(), custom=True)


def _opened(structure: Structure, owner: Callable[[str], str | None]) -> Structure:
    """Layers with an owner are bared and sorted: files order them otherwise than attributes."""
    stable = stable_paths(layer.path for layer in structure.layers)
    groups: dict[str, list[Layer]] = {}
    for layer in structure.layers:
        above = owner(layer.path)
        if above is None:
            groups[layer.path] = [layer]
        elif stored := layer.stored:
            bare = replace(layer, class_name="", custom=True, dtype="", config=None, training={},
                           calls=None, tensors=stored)  # fmt: skip
            groups.setdefault(f"{above}/", []).append(bare)
    layers: list[Layer] = []
    for group in groups.values():
        layers += sorted(group, key=lambda layer: _natural(stable[layer.path]))
    return replace(structure, layers=tuple(layers))


def _natural(path: str) -> list[tuple[str, int]]:
    """Sorts `dense#10` behind `dense#2`."""
    parts = (part.partition("#") for part in path.split("/"))
    return [(stem, int(rank or 0)) for stem, _, rank in parts]


def _ancestors(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _masks(structure: Structure) -> Structure:
    """Without operations by which Keras 3 makes masks, and without these masks in calls."""
    made = _only_masks(structure)
    layers = tuple(
        replace(layer, calls=layer.calls and tuple(_unmasked(c, made) for c in layer.calls))
        for layer in structure.layers
        if layer.path not in made
    )
    return replace(structure, layers=layers)


def _only_masks(structure: Structure) -> set[str]:
    """Operations whose results serve as masks, or to make masks, and for nothing else.

    They follow from the layers whose inputs they mask. A mask that a user made in another way does
    not, so it stays.
    """
    masked = {
        (call.inputs, float((layer.config or {}).get("mask_value", 0)))
        for layer in structure.layers
        if layer.class_name == "Masking" or (layer.config or {}).get("mask_zero")
        for call in layer.calls or ()
    }
    operations = {la.path for la in structure.layers if _makes_mask(la, masked)}
    made = operations - {port.source.layer for port in structure.outputs if port.source}
    while True:
        used = {
            edge.layer
            for layer in structure.layers
            if layer.path not in made
            for call in layer.calls or ()
            for place, edge in enumerate(call.inputs)
            if place not in _mask_places(call)
        }
        if not made & used:
            return made
        made -= used


# What the layers of Keras call in `compute_mask`, beside the comparison with the masked value.
_MASK_OPERATIONS = frozenset({"ops.Any", "ops.All", "ops.Concatenate", "ops.ExpandDims", "ops.Cast",
                              "ops.OnesLike", "ops.ZerosLike", "ops.LogicalOr",
                              "ops.LogicalAnd", "ops.BroadcastTo"})  # fmt: skip


def _makes_mask(layer: Layer, masked: set[tuple[tuple[Edge, ...], float]]) -> bool:
    if layer.class_name == "ops.NotEqual":
        given = [(call.inputs, call.arguments.get("args", [])[1:]) for call in layer.calls or ()]
        return all(len(value) == 1 and (edges, value[0]) in masked for edges, value in given)
    return layer.class_name in _MASK_OPERATIONS


def _mask_places(call: Call) -> set[int]:
    kwargs = call.arguments.get("kwargs", {})
    given = [kwargs.get("mask")] if not isinstance(kwargs.get("mask"), list) else kwargs["mask"]
    return {int(text[1:]) for text in given if isinstance(text, str) and text.startswith("$")}


def _unmasked(call: Call, made: set[str]) -> Call:
    gone = {p for p in _mask_places(call) if call.inputs[p].layer in made}
    if not gone:
        return call
    kept = [place for place in range(len(call.inputs)) if place not in gone]
    numbers = {f"${old}": f"${new}" for new, old in enumerate(kept)}
    kwargs = {key: value for key, value in call.arguments["kwargs"].items() if key != "mask"}
    args = _renumbered(call.arguments["args"], numbers)
    bare = not kwargs and all(isinstance(a, str) and a in numbers.values() for a in _leaves(args))
    arguments = {} if bare else {"args": args, "kwargs": _renumbered(kwargs, numbers)}
    return replace(call, inputs=tuple(call.inputs[p] for p in kept), arguments=arguments)


def _renumbered(value: object, numbers: dict[str, str]) -> object:
    if isinstance(value, list):
        return [_renumbered(item, numbers) for item in value]
    if isinstance(value, dict):
        return {key: _renumbered(item, numbers) for key, item in value.items()}
    return numbers.get(value, value) if isinstance(value, str) else value


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


_SET_ASIDE: dict[str, Callable[[Structure], Structure]] = {
    OUTPUT_SHAPES: _output_shapes,
    MASKS: _masks,
    ASSETS: _assets,
    INPUTS: _inputs,
    GRAPH: _graph,
}
