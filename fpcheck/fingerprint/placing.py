"""Where the tensors of a weights-only file belong: paired by path, order and content."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.naming import public
from fpcheck.fingerprint.stores import stores
from fpcheck.fingerprint.structure import (
    ARCHITECTURE,
    Layer,
    Structure,
    Tensor,
    stable_paths,
)
from fpcheck.fingerprint.value import Fingerprint


def is_weights_only(structure: Structure) -> bool:
    """Whether it is that of a file which holds weights and no architecture."""
    return ARCHITECTURE in structure.untold


def placed(
    file: Fingerprint,
    architecture: Fingerprint,
    contents: Sequence[Measurement] = (),
    own: bool = False,
) -> Fingerprint:
    """The fingerprint of an architecture whose weights are those of a file.

    Args:
        file: of a file that holds weights only.
        architecture: where they belong; its weights, if told, only for state that no file holds.
        contents: weights that the architecture is known to have had; places what nothing else does.
        own: whether the architecture is the model's own, and not only that of its golden.
    """
    layers, places = file.structure.layers, architecture.structure
    weighted = [layer for layer in places.layers if _has_weights(layer)]
    named = _by_path(file.structure, weighted)
    told = any(layer.config for layer in layers)
    stored = _by_store(layers, weighted, places, partly=own) if told else {}
    if told:
        # Where Keras looks, whatever names say; it names what is inside custom layers.
        rest = {p: t for p, t in named.items() if p not in stored and t not in stored.values()}
        found = {**stored, **rest}
    elif own:
        found = _by_order(layers, weighted) or named
    else:
        found = named
        if len(found) < len(layers):
            found = _by_order(layers, weighted) or found
    if len(found) < len(layers) and contents and file.weights:
        found = {**found, **_by_content(file, places, contents, found)}
    return _assembled(file, architecture, found, own)


def fits(file: Structure, architecture: Structure) -> bool:
    """Whether every tensor of the file has its place in an architecture, and every place one."""
    both = placed(Fingerprint(file), Fingerprint(architecture)).structure
    shapes = [[t.shape for t in la.tensors if not t.derived] for la in architecture.layers]
    return shapes == [[t.shape for t in la.tensors] for la in both.layers]


def misfit(filled: Structure, architecture: Structure) -> list[str]:
    """The layers that a file leaves without weights, where they are half of all or more.

    Then it is the file of another architecture. Fewer are findings, each by its name.
    """
    held = {layer.path for layer in filled.layers if _has_weights(layer)}
    weighted = [layer.path for layer in architecture.layers if _has_weights(layer)]
    lacking = [path for path in weighted if path not in held]
    return lacking if 2 * len(lacking) >= len(weighted) else []


def _has_weights(layer: Layer) -> bool:
    return any(not tensor.derived for tensor in layer.tensors)


def _by_path(file: Structure, weighted: Sequence[Layer]) -> dict[str, str]:
    """File path to layer path: equal but for running numbers."""
    ours = stable_paths(layer.path for layer in weighted)
    theirs = stable_paths(layer.path for layer in file.layers)
    named = {ours[layer.path]: layer.path for layer in weighted}
    return {
        layer.path: named[theirs[layer.path]]
        for layer in file.layers
        if theirs[layer.path] in named
    }


def _by_store(
    file: Sequence[Layer], weighted: Sequence[Layer], architecture: Structure, partly: bool
) -> dict[str, str]:
    """By the places in which Keras looks; if some hold nothing, only where that is enough."""
    places = stores(architecture)
    told = {layer.path: public(str((layer.config or {}).get("store"))) for layer in file}
    found = {path: places[store] for path, store in told.items() if store in places}
    sought = {layer.path for layer in weighted} & {*places.values()}
    return found if partly or sought <= {*found.values()} else {}


def _by_order(file: Sequence[Layer], weighted: Sequence[Layer]) -> dict[str, str]:
    """The n-th layer with weights in the file is the n-th one of the architecture."""
    if len(file) != len(weighted):
        return {}
    for theirs, ours in zip(file, weighted, strict=True):
        if len(theirs.tensors) != sum(not t.derived for t in ours.tensors):
            return {}
    return {theirs.path: ours.path for theirs, ours in zip(file, weighted, strict=True)}


def _by_content(
    file: Fingerprint, architecture: Structure, contents: Sequence[Measurement],
    found: Mapping[str, str],
) -> dict[str, str]:  # fmt: skip
    """Layers that hold exactly what one layer of the architecture is known to have held."""
    owners: dict[tuple[bytes, ...], list[str]] = {}
    for path, digests in _digests(architecture, contents).items():
        owners.setdefault(digests, []).append(path)
    taken = set(found.values())
    matched = {}
    for path, digests in _digests(file.structure, file.weights or ()).items():
        free = [owner for owner in owners.get(digests, []) if owner not in taken]
        if path not in found and len(free) == 1:
            matched[path] = free[0]
    return matched


def _digests(structure: Structure, weights: Sequence[Measurement]) -> dict[str, tuple[bytes, ...]]:
    found: dict[str, tuple[bytes, ...]] = {}
    for (layer, tensor), measured in zip(structure.tensors, weights, strict=True):
        if not tensor.derived:
            found[layer.path] = (*found.get(layer.path, ()), measured.digest)
    return found


def _assembled(
    file: Fingerprint, architecture: Fingerprint, found: Mapping[str, str], own: bool
) -> Fingerprint:
    """The architecture with the file's tensors; those without a place stand at the end."""
    places = architecture.structure
    taken = {layer.path for layer in places.layers}
    names: dict[str, str] = {}
    for layer in file.structure.layers:
        name = found.get(layer.path, layer.path)
        while name in names.values() or (name in taken and layer.path not in found):
            name += "'"  # another layer stands there
        names[layer.path] = name
    held = {names[layer.path]: layer for layer in file.structure.layers}
    known = _measured(file, names)
    derived = _measured(architecture, {}) if own else {}
    layers = [
        replace(
            layer,
            tensors=_tensors(layer, held.pop(layer.path, None), derived),
            untold=(*layer.untold, *_not_derived(layer, derived)),
        )
        for layer in places.layers
    ]
    layers += [replace(layer, path=path, config=None) for path, layer in held.items()]
    untold = places.untold if own else file.structure.untold
    structure = replace(places, layers=tuple(layers), untold=untold)
    if file.weights is None:
        return Fingerprint(_numbered(structure))
    known = {**derived, **known}
    weights = tuple(known[layer.path, tensor.index] for layer, tensor in structure.tensors)
    return Fingerprint(_numbered(structure), weights)


def _not_derived(layer: Layer, derived: Mapping[tuple[str, int], Measurement]) -> tuple[str, ...]:
    """Roles of state that a layer derives, where nothing tells its values."""
    return tuple(
        t.role for t in layer.tensors if t.derived and (layer.path, t.index) not in derived
    )


def _numbered(structure: Structure) -> Structure:
    """With tensors counted in the order in which they now stand."""
    return replace(structure, layers=tuple(
        replace(layer, tensors=tuple(replace(t, index=i) for i, t in enumerate(layer.tensors)))
        for layer in structure.layers
    ))  # fmt: skip


def _measured(
    fingerprint: Fingerprint, names: Mapping[str, str]
) -> dict[tuple[str, int], Measurement]:
    places = [
        (names.get(layer.path, layer.path), tensor.index)
        for layer, tensor in fingerprint.structure.tensors
    ]
    return dict(zip(places, fingerprint.weights, strict=True)) if fingerprint.weights else {}


def _tensors(
    layer: Layer, held: Layer | None, derived: Mapping[tuple[str, int], Measurement]
) -> tuple[Tensor, ...]:
    """What the file holds of a layer, under the architecture's names, and what follows from it."""
    state = tuple(t for t in layer.tensors if t.derived and (layer.path, t.index) in derived)
    if held is None:
        return state
    own = [tensor for tensor in layer.tensors if not tensor.derived]
    if len(own) != len(held.tensors):
        return held.tensors + state
    if held.config is None:  # legacy files hold what is trained first
        own.sort(key=lambda tensor: tensor.trainable is False)
    named = [(t, replace(t, shape=h.shape, dtype=h.dtype, index=h.index))
             for t, h in zip(own, held.tensors, strict=True)]  # fmt: skip
    named.sort(key=lambda pair: pair[0].index)
    return (*(tensor for _, tensor in named), *state)
