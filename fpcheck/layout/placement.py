"""An architecture with the tensors of a weights-only file in its layers."""

from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from fpcheck.fingerprint.fingerprint import Fingerprint, Measured, measured_by_place, weights_of
from fpcheck.fingerprint.structure import ARCHITECTURE, REST, SHARD, USED, Layer, Structure, Tensor
from fpcheck.layout.layer_matching import LayerMatch, Layers, Pairs, Weights, match_layers, shapes

# No file is known that lost more than three of four layers; files of a few layers are common.
_SMALL = 1 / 4


def is_weights_only(structure: Structure) -> bool:
    """Whether it is the structure of a file that contains weights and no architecture."""
    return ARCHITECTURE in structure.not_stored


def placed(
    file: Fingerprint,
    architecture: Fingerprint,
    expected: Weights = (),
    own: bool = False,
    weightless: Layers = (),
) -> Fingerprint:
    """The fingerprint of an architecture with the weights of a weights-only file.

    The arguments are those of `match_layers`; `weightless` layers are named without any tensor. The
    weights of the architecture, if any, are used for state that no file contains.
    """
    match = match_layers(file, weightless, architecture.structure, expected, own)
    present = {layer.path for layer in file.structure.layers}
    layers = {path: name for path, name in match.layers.items() if path in present}
    filled = _filled(file, architecture, layers, own)
    if not is_part(file.structure, weightless, match, architecture.structure):
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
    state = ((la, t) for la, t in architecture.structure.tensors if la.stored and t.derived)
    follows = {(layer.path, t.index) for layer, t in state if t.role.startswith(USED)}
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
    in_file, own = from_file.tensors, [*layer.stored]
    # The numbers in a file may show which tensors it lacks.
    numbers = [tensor.number for tensor in in_file if tensor.number is not None]
    gaps = len(numbers) == len(in_file) < len(own) and numbers != [*range(len(numbers))]
    if gaps and max(numbers) < len(own):
        own = [own[number] for number in numbers]
    if len(own) != len(in_file):
        return in_file
    if from_file.config is None:  # legacy files list what is trained first
        own.sort(key=lambda tensor: tensor.trainable is False)
    pairs = sorted(zip(own, in_file, strict=True), key=lambda pair: pair[0].index)
    return (replace(t, shape=f.shape, dtype=f.dtype, index=f.index) for t, f in pairs)


def is_part(file: Structure, weightless: Layers, match: LayerMatch, whole: Structure) -> bool:
    """Whether the layers that a file lacks are in other files, and not lost.

    A part is one of several shards, the file of an inner model, the head of the model, its body, or
    a small share of its layers. A file of the whole model names every layer, also those without
    weights. So a layer that is named without tensors (`weightless`), or that only a file of the
    whole names, shows a loss.
    """
    if SHARD in file.not_stored:
        return True
    own = {path: whole.by_path[name] for path, name in match.layers.items()}
    pairs = [(layer, own.get(layer.path)) for layer in file.layers]
    fit = all(its and Counter(shapes(layer)) == Counter(shapes(its)) for layer, its in pairs)
    weighted = [layer.path for layer in whole.weighted]
    present = {its.path for _, its in pairs if its}
    missing = [path for path in weighted if path not in present]
    named = {own[layer.path].path for layer in weightless if layer.path in own}
    if not fit or not present or not missing or named & {*missing}:
        return False
    if match.below is not None:
        return present == {path for path in weighted if path.startswith(f"{match.below}/")}
    if _is_body(present, missing, named, whole):
        return True
    inputs = {port.source.layer for port in whole.inputs if port.source}
    small = len(present) <= _SMALL * len(weighted)
    return not named & inputs and (small or _is_head(present, missing, named, whole))


def _is_head(present: set[str], missing: list[str], named: set[str], whole: Structure) -> bool:
    """Whether they are the last layers, and at most as many as the layers before them."""
    if len(present) > len(missing):
        return False
    if not whole.outputs:  # without a graph, the rest must be one inner model
        inner, own = ({path.partition("/")[0] for path in side} for side in (missing, present))
        return len(inner) == 1 and not inner & own
    position = {layer.path: number for number, layer in enumerate(whole.layers)}
    start = max(position[path] for path in missing)
    return all(position[path] > start for path in present | named)


def _is_body(present: set[str], missing: list[str], named: set[str], whole: Structure) -> bool:
    """Whether they are the first layers, and the file names none of the last.

    If only the last layer is missing, the file must also omit a layer without weights after it,
    which a file of the whole model would name.
    """
    if not whole.outputs:
        return False
    position = {layer.path: number for number, layer in enumerate(whole.layers)}
    end = max(position[path] for path in present)
    if any(position[path] < end for path in missing) or any(position[p] > end for p in named):
        return False
    outer = (layer for layer in whole.layers[end + 1 :] if "/" not in layer.path)
    without_weights = (layer.class_name for layer in outer if not layer.stored)
    return len(missing) > 1 or any(not name.startswith("ops.") for name in without_weights)
