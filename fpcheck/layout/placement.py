"""An architecture with the tensors of a weights-only file in its layers."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from fpcheck.fingerprint.fingerprint import Fingerprint, Place, measured_by_place, weights_of
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import ARCHITECTURE, REST, SHARD, USED, Layer, Structure, Tensor
from fpcheck.layout.layer_matching import Pairs, match_layers, shapes
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
    """The fingerprint of an architecture with the weights of a weights-only file.

    The arguments are those of `match_layers`; `bare` layers are named without any tensor. The
    weights of the architecture, if any, are used for state that no file contains.
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
    present = {layer.path for layer in filled.weighted}
    missing = [layer.path for layer in architecture.weighted if layer.path not in present]
    return missing if 2 * len(missing) >= len(architecture.weighted) else []


def _filled(file: Fingerprint, architecture: Fingerprint, match: Pairs, own: bool) -> Fingerprint:
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
    layers = [_with_tensors(la, from_file.pop(la.path, None), derived) for la in base.layers]
    layers += [replace(layer, path=path, config=None) for path, layer in from_file.items()]
    not_stored = base.not_stored if own else file.structure.not_stored
    structure = replace(base, layers=tuple(layers), not_stored=not_stored)
    measured = {(names[path], index): m for (path, index), m in measured_by_place(file).items()}
    unknown = file.weights is None
    weights = None if unknown else weights_of(structure, {**derived, **measured})
    # The index of each tensor is its position in the layer.
    numbered = [tuple(replace(t, index=n) for n, t in enumerate(la.tensors)) for la in layers]
    layers = [replace(la, tensors=tensors) for la, tensors in zip(layers, numbered, strict=True)]
    return Fingerprint(replace(structure, layers=tuple(layers)), weights)


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


def _with_tensors(layer: Layer, from_file: Layer | None, derived: Measured) -> Layer:
    """A layer with the file's tensors and its derived state, as far as that is known."""
    state = [t for t in layer.tensors if t.derived]
    known = [t for t in state if (layer.path, t.index) in derived]
    tensors = (*(_filled_tensors(layer, from_file) if from_file else ()), *known)
    unknown = (t.role for t in state if t not in known)
    return replace(layer, tensors=tensors, not_stored=(*layer.not_stored, *unknown))


def _filled_tensors(layer: Layer, from_file: Layer) -> Iterable[Tensor]:
    """The file's tensors of a layer, with the architecture's roles."""
    own = _numbered(from_file.tensors, layer.stored)
    if len(own) != len(from_file.tensors):
        return from_file.tensors
    if from_file.config is None:  # legacy files list what is trained first
        own.sort(key=lambda tensor: tensor.trainable is False)
    pairs = sorted(zip(own, from_file.tensors, strict=True), key=lambda pair: pair[0].index)
    return (replace(t, shape=f.shape, dtype=f.dtype, index=f.index) for t, f in pairs)


def _numbered(in_file: Sequence[Tensor], own: Sequence[Tensor]) -> list[Tensor]:
    """A layer's tensors without those that a file lacks, as far as the numbers in it show them."""
    numbers = [tensor.number for tensor in in_file if tensor.number is not None]
    gaps = len(numbers) == len(in_file) < len(own) and numbers != [*range(len(numbers))]
    return [own[n] for n in numbers] if gaps and max(numbers) < len(own) else [*own]
