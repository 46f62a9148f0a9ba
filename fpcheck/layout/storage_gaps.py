"""What files do not store, removed from both fingerprints before they are compared.

A file stores less than a live model has: a Keras 2 file has no output shapes, and no file has the
layers inside a custom layer. What is not stored is unknown, not different. Where it can decide
outputs, it is not proved either; see `comparison.proof`.

- Output shapes follow from configurations, and those of custom layers from their code.
- Masks that Keras makes follow from the layers that make them; other masks are compared.
- Layers inside a custom layer, and the graph and the inputs of a model of custom class, follow from
  its configuration, which is compared, and from its code, which is never proved.
- Files that a custom class saves beside its weights (assets) can decide outputs.
"""

from collections.abc import Callable
from itertools import chain
from typing import Any

from msgspec.structs import replace

from fpcheck.fingerprint.fingerprint import Fingerprint, measured_by_place, weights_of
from fpcheck.fingerprint.first_recipe import of_one_recipe
from fpcheck.fingerprint.layer_names import above, stable_paths
from fpcheck.fingerprint.structure import (
    ASSET,
    ASSETS,
    GRAPH,
    INNER_LAYERS,
    INPUTS,
    MASKS,
    OUTPUT_SHAPES,
    ROOT,
    Layer,
    Structure,
    Tensor,
)
from fpcheck.layout.masks import without_masks


def alike(first: Fingerprint, second: Fingerprint) -> tuple[Fingerprint, Fingerprint]:
    """Both fingerprints without the aspects that either of them does not store."""
    first, second = of_one_recipe(first, second)
    structures = _alike(first.structure, second.structure)
    return first.restricted(structures[0]), second.restricted(structures[1])


def says_less(structure: Structure) -> bool:
    """Whether a file omits what only the live model has and what can decide outputs.

    Output shapes and masks follow from what it stores.
    """
    incomplete = any(layer.not_stored or layer.external_files for layer in structure.layers)
    return incomplete or structure.custom_code or ASSETS in structure.not_stored


def assets_not_stored(first: Fingerprint, second: Fingerprint) -> list[str]:
    """Roles of the files of custom classes that one side contains and the other does not store."""
    sides = (first.structure, second.structure), (second.structure, first.structure)
    return [
        tensor.role
        for own, other in sides
        for layer, tensor in own.tensors
        if ASSETS in other.not_stored and layer.path == ROOT and _is_asset(tensor)
    ]


def completed(fingerprint: Fingerprint, live: Fingerprint) -> Fingerprint:
    """A fingerprint read from a file, completed by that of the model that Keras loads from it.

    It is unchanged if the live model is built differently from the file's description. The weights
    of `live` are used only for derived state that the file does not store.
    """
    whole = live.structure
    own_alike, live_alike = _alike(fingerprint.structure, replace(whole, not_stored=()))
    if own_alike.shape_key != live_alike.shape_key:
        return fingerprint
    pairs = list(zip(own_alike.layers, live_alike.layers, strict=True))
    outside = {live_layer.path: layer.external_files for layer, live_layer in pairs}
    layers = (replace(layer, external_files=outside.get(layer.path, ())) for layer in whole.layers)
    whole = replace(whole, layers=tuple(layers))
    if fingerprint.weights is None:
        return replace(fingerprint, structure=whole)
    own, measured = measured_by_place(fingerprint), measured_by_place(live)
    for layer, its in pairs:  # weights by order, derived state by role
        derived = {t.role: t for t in layer.tensors if t.derived}
        state = [(derived[t.role], t) for t in its.tensors if t.derived and t.role in derived]
        for tensor, live_tensor in (*zip(layer.stored, its.stored, strict=True), *state):
            measured[its.path, live_tensor.index] = own[layer.path, tensor.index]
    return replace(fingerprint, structure=whole, weights=weights_of(whole, measured))


def _alike(first: Structure, second: Structure) -> tuple[Structure, Structure]:
    """Both structures without the aspects that either of them does not store."""
    not_stored = {*first.not_stored, *second.not_stored}
    owners = _closed_layers(first) | _closed_layers(second)
    removals: dict[str, Callable[[Structure], Structure]] = {
        OUTPUT_SHAPES: _without_output_shapes,
        MASKS: without_masks,
        ASSETS: _without_assets,
        INPUTS: lambda structure: replace(structure, inputs=()),
        GRAPH: _without_graph,
        INNER_LAYERS: lambda structure: _without_inner_layers(structure, owners),
    }
    for aspect in sorted(not_stored & removals.keys()):
        first, second = removals[aspect](first), removals[aspect](second)
    return first, second


def _closed_layers(structure: Structure) -> set[str]:
    """Paths of custom layers without a graph, whose inner layers are therefore unknown."""
    layers = structure.layers
    return {la.path for la in layers if la.custom and "outputs" not in (la.config or {})}


def _without_output_shapes(structure: Structure) -> Structure:
    def without(layer: Layer) -> Layer:
        calls = layer.calls and tuple(replace(call, output_shapes=()) for call in layer.calls)
        return replace(layer, calls=calls)

    outputs = tuple(replace(port, shape=None, dtype="") for port in structure.outputs)
    return replace(structure, outputs=outputs, layers=tuple(map(without, structure.layers)))


def _is_asset(tensor: Tensor) -> bool:
    return tensor.derived and tensor.role.startswith(ASSET)


def _without_assets(structure: Structure) -> Structure:
    root = structure.by_path.get(ROOT)
    if root is None:
        return structure
    root = replace(root, tensors=tuple(t for t in root.tensors if not _is_asset(t)))
    layers = (root if layer.path == ROOT else layer for layer in structure.layers)
    kept = (la for la in layers if la is not root or root.tensors or root.config)
    return replace(structure, layers=tuple(kept))


def _without_inner_layers(structure: Structure, owners: set[str]) -> Structure:
    """Only path and tensors remain of the layers inside custom ones.

    The same holds for layers of a model of custom class that its graph does not call.
    """
    outer = (layer.path for layer in structure.layers if "/" not in layer.path and not layer.calls)
    uncalled = {*outer} - {ROOT} if structure.custom and structure.outputs else set()

    def owner(path: str) -> str | None:
        if {path, path.partition("/")[0]} & uncalled:
            return ""
        return next((around for around in above(path) if around in owners), None)

    return _reduced(structure, owner)


def _without_graph(structure: Structure) -> Structure:
    """Only path and tensors remain of all layers of a model of custom class."""
    reduced = _reduced(structure, lambda path: None if path == ROOT else "")
    return replace(reduced, inputs=(), outputs=(), custom=True)


def _reduced(structure: Structure, owner: Callable[[str], str | None]) -> Structure:
    """Layers with an owner reduced to path and tensors, and sorted, since files order them anew."""
    stable = stable_paths(layer.path for layer in structure.layers)
    unknown: dict[str, Any] = dict.fromkeys(("config", "calls"))
    unknown |= {"class_name": "", "custom": True, "dtype": "", "training": {}}
    groups: dict[str, list[Layer]] = {}
    for layer in structure.layers:
        around = owner(layer.path)
        if around is None:
            groups[layer.path] = [layer]
        elif layer.stored:
            reduced = replace(layer, tensors=layer.stored, **unknown)
            groups.setdefault(f"{around}/", []).append(reduced)
    groups_in_order = (sorted(g, key=lambda la: _natural(stable[la.path])) for g in groups.values())
    return replace(structure, layers=tuple(chain.from_iterable(groups_in_order)))


def _natural(path: str) -> list[tuple[str, int]]:
    """A sort key that puts `dense#2` before `dense#10`."""
    parts = (part.partition("#") for part in path.split("/"))
    return [(stem, int(rank or 0)) for stem, _, rank in parts]
