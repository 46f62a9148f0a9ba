"""An architecture with the tensors of a weights-only file in their places."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import (
    ARCHITECTURE,
    REST,
    SHARD,
    USED,
    Layer,
    Structure,
    Tensor,
)
from fpcheck.layout.layer_matching import belonging, has_weights
from fpcheck.layout.partial_files import is_part


def is_weights_only(structure: Structure) -> bool:
    """Whether it is that of a file which holds weights and no architecture."""
    return ARCHITECTURE in structure.untold


def placed(
    file: Fingerprint,
    architecture: Fingerprint,
    contents: Sequence[Measurement] = (),
    own: bool = False,
    bare: Sequence[Layer] = (),
) -> Fingerprint:
    """The fingerprint of an architecture whose weights are those of a file.

    Args:
        file: of a file that holds weights only.
        architecture: where they belong; its weights, if told, only for state that no file holds.
        contents: weights that the architecture is known to have had; places what nothing else does.
        own: whether the architecture is the model's own, and not only that of its golden.
        bare: layers that the file names and of which it holds no tensor.
    """
    found = belonging(file, bare, architecture.structure, contents, own)
    held = {layer.path for layer in file.structure.layers}
    layers = {path: place for path, place in found.layers.items() if path in held}
    filled = _assembled(file, architecture, layers, own)
    if not is_part(file.structure, bare, found, architecture.structure):
        return filled
    untold = tuple(sorted({*filled.structure.untold, REST} - {SHARD}))
    return replace(filled, structure=replace(filled.structure, untold=untold))


def fits(file: Structure, architecture: Structure) -> bool:
    """Whether every tensor of the file has its place in an architecture, and every place one."""
    both = placed(Fingerprint(file), Fingerprint(architecture)).structure
    shapes = [[t.shape for t in la.tensors if not t.derived] for la in architecture.layers]
    return shapes == [[t.shape for t in la.tensors] for la in both.layers]


def misfit(filled: Structure, architecture: Structure) -> list[str]:
    """The layers that a file leaves without weights, where they are half of all or more.

    Then it is the file of another architecture. Fewer are findings, each by its name.
    """
    held = {layer.path for layer in filled.layers if has_weights(layer)}
    weighted = [layer.path for layer in architecture.layers if has_weights(layer)]
    lacking = [path for path in weighted if path not in held]
    return lacking if 2 * len(lacking) >= len(weighted) else []


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
    derived = _state(architecture) if own else {}
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


def _state(architecture: Fingerprint) -> dict[tuple[str, int], Measurement]:
    """What layers of the architecture derive, but for what follows from the weights of the file."""
    known = _measured(architecture, {})
    follows = {
        (layer.path, tensor.index)
        for layer in architecture.structure.layers
        if has_weights(layer)
        for tensor in layer.tensors
        if tensor.derived and tensor.role.startswith(USED)
    }
    return {place: measured for place, measured in known.items() if place not in follows}


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
    own = _numbered_in(held, [tensor for tensor in layer.tensors if not tensor.derived])
    if len(own) != len(held.tensors):
        return held.tensors + state
    if held.config is None:  # legacy files hold what is trained first
        own.sort(key=lambda tensor: tensor.trainable is False)
    named = [(t, replace(t, shape=h.shape, dtype=h.dtype, index=h.index))
             for t, h in zip(own, held.tensors, strict=True)]  # fmt: skip
    named.sort(key=lambda pair: pair[0].index)
    return (*(tensor for _, tensor in named), *state)


def _numbered_in(held: Layer, own: list[Tensor]) -> list[Tensor]:
    """Those of a layer's tensors that a file holds, where the numbers in it tell which are gone."""
    numbers = [int(t.role[1:]) for t in held.tensors if t.role[1:].isdecimal() and t.role[0] == "#"]
    gaps = len(numbers) == len(held.tensors) < len(own) and numbers != [*range(len(numbers))]
    return [own[n] for n in numbers] if gaps and max(numbers) < len(own) else own
