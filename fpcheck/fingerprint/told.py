"""What a container does not tell, set aside on both sides before two fingerprints are compared.

A file says less than a live model: a Keras 2 file has no output shapes, and no file has the layers
inside a custom layer. What is not told is unknown: never a difference, never a proof.
"""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from fpcheck.fingerprint.structure import (
    DERIVED,
    GRAPH,
    INNER_LAYERS,
    INPUTS,
    MASKS,
    OUTPUT_SHAPES,
    ROOT,
    Call,
    Layer,
    Structure,
    stable_paths,
)
from fpcheck.fingerprint.value import Fingerprint


def alike(first: Fingerprint, second: Fingerprint) -> tuple[Fingerprint, Fingerprint]:
    """Both fingerprints without what either of them does not tell."""
    untold = {*first.structure.untold, *second.structure.untold}
    return (_without(first, untold), _without(second, untold)) if untold else (first, second)


def completed(fingerprint: Fingerprint, whole: Structure) -> Fingerprint:
    """A fingerprint read from a file, with what the file does not tell taken from the live model.

    Where the live model is built otherwise than the file says, the file stands.

    Args:
        fingerprint: read from a file.
        whole: the structure of the model that the framework loads from it.
    """
    untold = {*fingerprint.structure.untold}
    ours, theirs = without(fingerprint.structure, untold), without(whole, untold)
    if ours.shape_key != theirs.shape_key:
        return fingerprint
    if fingerprint.weights is None:
        return replace(fingerprint, structure=whole)
    measured = dict(zip(_places(fingerprint.structure), fingerprint.weights, strict=True))
    pairs = zip(_places(theirs), _places(ours), strict=True)
    held = {place: measured[own] for place, own in pairs}
    if DERIVED in untold:
        whole = replace(_derived(whole), untold=(DERIVED,))
    weights = tuple(held[place] for place in _places(whole))
    return replace(fingerprint, structure=whole, weights=weights)


def _places(structure: Structure) -> list[tuple[str, int]]:
    return [(layer.path, tensor.index) for layer, tensor in structure.tensors]


def _without(fingerprint: Fingerprint, untold: set[str]) -> Fingerprint:
    old = fingerprint.structure
    new = without(old, untold)
    if fingerprint.weights is None:
        return replace(fingerprint, structure=new)
    held = dict(zip(_places(old), fingerprint.weights, strict=True))
    weights = tuple(held[place] for place in _places(new))
    return replace(fingerprint, structure=new, weights=weights)


def without(structure: Structure, untold: set[str]) -> Structure:
    """A structure with some aspects set aside."""
    for aspect in sorted(untold & _SET_ASIDE.keys()):
        structure = _SET_ASIDE[aspect](structure)
    return structure


def _output_shapes(structure: Structure) -> Structure:
    def bare(layer: Layer) -> Layer:
        calls = layer.calls and tuple(replace(call, output_shapes=()) for call in layer.calls)
        return replace(layer, calls=calls)

    outputs = tuple(replace(port, shape=None, dtype="") for port in structure.outputs)
    return replace(structure, outputs=outputs, layers=tuple(map(bare, structure.layers)))


def _derived(structure: Structure) -> Structure:
    return replace(structure, layers=tuple(
        replace(layer, tensors=tuple(t for t in layer.tensors if not t.derived))
        for layer in structure.layers
    ))  # fmt: skip


def _inputs(structure: Structure) -> Structure:
    return replace(structure, inputs=())


def _inner_layers(structure: Structure) -> Structure:
    """Layers below a custom one keep their path and their tensors, and nothing else."""
    owners = {layer.path for layer in structure.layers if layer.custom}
    return _opened(structure, lambda path: next((a for a in _ancestors(path) if a in owners), None))


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
        elif layer.tensors:
            bare = replace(layer, class_name="", custom=True, dtype="", config=None, training={},
                           calls=None)  # fmt: skip
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
    """Without operations that only make masks, and without masks given to calls."""
    made = _only_masks(structure)
    layers = tuple(
        replace(layer, calls=layer.calls and tuple(_unmasked(c, made) for c in layer.calls))
        for layer in structure.layers
        if layer.path not in made
    )
    return replace(structure, layers=layers)


def _only_masks(structure: Structure) -> set[str]:
    """Operations whose results serve as masks, or to make masks, and for nothing else."""
    operations = {la.path for la in structure.layers if la.class_name.startswith("ops.")}
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
    INNER_LAYERS: _inner_layers,
    DERIVED: _derived,
    INPUTS: _inputs,
    GRAPH: _graph,
}
