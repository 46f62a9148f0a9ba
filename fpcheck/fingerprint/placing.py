"""Where the tensors of a weights-only file belong: paired by path, order and content."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import (
    ARCHITECTURE,
    DERIVED,
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
    architecture: Structure,
    contents: Sequence[Measurement] = (),
    own: bool = False,
) -> Fingerprint:
    """The fingerprint of an architecture whose weights are those of a file.

    Args:
        file: of a file that holds weights only.
        architecture: where they belong.
        contents: weights that the architecture is known to have had; places what nothing else does.
        own: whether the architecture is the model's own, and not only that of its golden.
    """
    weighted = [la for la in architecture.layers if any(not t.derived for t in la.tensors)]
    found = _by_path(file.structure, weighted)
    if len(found) < len(file.structure.layers):
        found = _by_order(file.structure.layers, weighted) or found
    if len(found) < len(file.structure.layers) and contents and file.weights:
        found = {**found, **_by_content(file, architecture, contents, found)}
    untold = {*architecture.untold, DERIVED} if own else {*file.structure.untold}
    return _assembled(file, architecture, found, tuple(sorted(untold)))


def fits(file: Structure, architecture: Structure) -> bool:
    """Whether every tensor of the file has its place in an architecture, and every place one."""
    both = placed(Fingerprint(file), architecture).structure
    shapes = [[t.shape for t in la.tensors if not t.derived] for la in architecture.layers]
    return shapes == [[t.shape for t in la.tensors] for la in both.layers]


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
    file: Fingerprint, architecture: Structure, found: Mapping[str, str], untold: tuple[str, ...]
) -> Fingerprint:
    """The architecture with the file's tensors; those without a place stand at the end."""
    held = {found.get(layer.path, layer.path): layer for layer in file.structure.layers}
    measured = {
        (found.get(layer.path, layer.path), tensor.index): one
        for (layer, tensor), one in zip(file.structure.tensors, file.weights or (), strict=False)
    }
    layers = [
        replace(layer, tensors=_tensors(layer, held.pop(layer.path, None)))
        for layer in architecture.layers
    ]
    layers += [replace(layer, path=path) for path, layer in held.items()]
    structure = replace(architecture, layers=tuple(layers), untold=untold)
    if file.weights is None:
        return Fingerprint(structure)
    weights = tuple(measured[layer.path, tensor.index] for layer, tensor in structure.tensors)
    return Fingerprint(structure, weights)


def _tensors(layer: Layer, held: Layer | None) -> tuple[Tensor, ...]:
    """What the file holds of a layer, under the architecture's names."""
    if held is None:
        return ()
    own = [tensor for tensor in layer.tensors if not tensor.derived]
    known = len(own) == len(held.tensors)
    return tuple(
        replace(tensor, role=own[place].role, trainable=own[place].trainable) if known else tensor
        for place, tensor in enumerate(held.tensors)
    )
