"""An architecture with the tensors of a weights-only file in its layers."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from fpcheck.fingerprint.fingerprint import Fingerprint, Place, measured_by_place, weights_of
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
from fpcheck.layout.layer_matching import match_layers, shapes
from fpcheck.layout.partial_files import is_part

Measured = Mapping[Place, Measurement]


def is_weights_only(structure: Structure) -> bool:
    """Whether it is the structure of a file that contains weights and no architecture."""
    return ARCHITECTURE in structure.not_stored


def placed(
    file: Fingerprint,
    architecture: Fingerprint,
    contents: Sequence[Measurement] = (),
    own: bool = False,
    bare: Sequence[Layer] = (),
) -> Fingerprint:
    """The fingerprint of an architecture with the weights of a file.

    Args:
        file: of a weights-only file.
        architecture: the model; its weights, if any, are used for state that no file contains.
        contents: weights that the architecture is known to have had, to match layers by content.
        own: whether the architecture is the model's own, not that of its golden.
        bare: layers that the file names without any tensor.
    """
    match = match_layers(file, bare, architecture.structure, contents, own)
    present = {layer.path for layer in file.structure.layers}
    layers = {path: name for path, name in match.layers.items() if path in present}
    filled = _filled(file, architecture, layers, own)
    if not is_part(file.structure, bare, match, architecture.structure):
        return filled
    not_stored = tuple(sorted({*filled.structure.not_stored, REST} - {SHARD}))
    return replace(filled, structure=replace(filled.structure, not_stored=not_stored))


def fits(file: Structure, architecture: Structure) -> bool:
    """Whether the tensors of a file and the architecture's weights match one to one."""
    both = placed(Fingerprint(file), Fingerprint(architecture)).structure
    return [*map(shapes, architecture.layers)] == [*map(shapes, both.layers)]


def misfit(filled: Structure, architecture: Structure) -> list[str]:
    """The layers to which a file gives no weights, if they are at least half of all layers.

    Then the file is of another architecture. Fewer missing layers are reported one by one.
    """
    present = {layer.path for layer in filled.layers if layer.stored}
    weighted = [layer.path for layer in architecture.layers if layer.stored]
    missing = [path for path in weighted if path not in present]
    return missing if 2 * len(missing) >= len(weighted) else []


def _filled(
    file: Fingerprint, architecture: Fingerprint, match: Mapping[str, str], own: bool
) -> Fingerprint:
    """The architecture with the file's tensors; layers without a match are at the end."""
    base = architecture.structure
    names: dict[str, str] = {}
    for layer in file.structure.layers:
        name = match.get(layer.path, layer.path)
        while name in names.values() or (name in base.by_path and layer.path not in match):
            name += "'"  # another layer has this name
        names[layer.path] = name
    from_file = {names[layer.path]: layer for layer in file.structure.layers}
    derived = _derived(architecture) if own else {}
    layers = [
        replace(
            layer,
            tensors=_tensors(layer, from_file.pop(layer.path, None), derived),
            not_stored=(*layer.not_stored, *_unknown_state(layer, derived)),
        )
        for layer in base.layers
    ]
    layers += [replace(layer, path=path, config=None) for path, layer in from_file.items()]
    not_stored = base.not_stored if own else file.structure.not_stored
    structure = replace(base, layers=tuple(layers), not_stored=not_stored)
    if file.weights is None:
        return Fingerprint(_renumbered(structure))
    measured = {(names[path], index): m for (path, index), m in measured_by_place(file).items()}
    return Fingerprint(_renumbered(structure), weights_of(structure, {**derived, **measured}))


def _derived(architecture: Fingerprint) -> Measured:
    """The state that layers of the architecture derive, unless it follows from the file's weights.

    It also contains the architecture's weights, which the file's weights replace.
    """
    follows = {
        (layer.path, tensor.index)
        for layer, tensor in architecture.structure.tensors
        if layer.stored and tensor.derived and tensor.role.startswith(USED)
    }
    measured = measured_by_place(architecture)
    return {place: one for place, one in measured.items() if place not in follows}


def _unknown_state(layer: Layer, derived: Measured) -> tuple[str, ...]:
    """The roles of the state that a layer derives and that is not known."""
    return tuple(
        t.role for t in layer.tensors if t.derived and (layer.path, t.index) not in derived
    )


def _renumbered(structure: Structure) -> Structure:
    """The structure with the index of each tensor equal to its position in the layer."""
    layers = []
    for layer in structure.layers:
        tensors = (replace(tensor, index=index) for index, tensor in enumerate(layer.tensors))
        layers.append(replace(layer, tensors=tuple(tensors)))
    return replace(structure, layers=tuple(layers))


def _tensors(layer: Layer, from_file: Layer | None, derived: Measured) -> tuple[Tensor, ...]:
    """The file's tensors of a layer, with the architecture's roles, and its derived state."""
    state = tuple(t for t in layer.tensors if t.derived and (layer.path, t.index) in derived)
    if from_file is None:
        return state
    own = _numbered(from_file.tensors, layer.stored)
    if len(own) != len(from_file.tensors):
        return from_file.tensors + state
    if from_file.config is None:  # legacy files list what is trained first
        own.sort(key=lambda tensor: tensor.trainable is False)
    pairs = sorted(zip(own, from_file.tensors, strict=True), key=lambda pair: pair[0].index)
    filled = (replace(t, shape=f.shape, dtype=f.dtype, index=f.index) for t, f in pairs)
    return (*filled, *state)


def _numbered(in_file: Sequence[Tensor], own: Sequence[Tensor]) -> list[Tensor]:
    """A layer's tensors without those that a file lacks, as far as the numbers in it show them."""
    numbers = [tensor.number for tensor in in_file if tensor.number is not None]
    gaps = len(numbers) == len(in_file) < len(own) and numbers != [*range(len(numbers))]
    return [own[n] for n in numbers] if gaps and max(numbers) < len(own) else [*own]
