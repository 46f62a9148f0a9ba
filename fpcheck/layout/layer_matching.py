"""Which layer of an architecture each layer of a weights-only file is."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from fpcheck.codec import Value
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.layer_names import stable_paths
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import Layer, Structure
from fpcheck.layout.group_names import public
from fpcheck.layout.groups import is_model, stores

# Models inside whose own file it may be; of more than that, names say nothing.
_MOST_INNER = 8


class Belonging(Value, frozen=True):
    """Where the layers of a file belong.

    Attributes:
        layers: path in the file to path in the architecture, also of layers without tensors.
        below: the model inside the architecture whose own file it is; None where it is the whole.
    """

    layers: dict[str, str]
    below: str | None = None


def belonging(
    file: Fingerprint,
    bare: Sequence[Layer],
    architecture: Structure,
    contents: Sequence[Measurement],
    own: bool,
) -> Belonging:
    """Match by the place in the file, by name, by order and by content.

    Args:
        file: of a file that holds weights only.
        bare: layers that the file names and of which it holds no tensor.
        architecture: where they belong.
        contents: weights that the architecture is known to have had.
        own: whether the architecture is the model's own, and not only that of its golden.
    """
    held = file.structure.layers
    weighted = [layer for layer in architecture.layers if has_weights(layer)]
    told = any(layer.config for layer in held)
    found = _complete(held, bare, weighted, architecture, told)
    if found is None and not told:
        ordered = _by_order(held, weighted)
        found = Belonging(ordered) if own and ordered else None
    if found is None:
        found = _likeliest(file, bare, architecture, contents)
        if not told and any(layer.path not in found.layers for layer in held):
            ordered = _by_order(held, weighted)
            found = Belonging(ordered) if ordered else found
    if contents and file.weights and any(layer.path not in found.layers for layer in held):
        more = _by_content(file, architecture, contents, found.layers)
        found = Belonging({**found.layers, **more}, found.below)
    return found


def out_of_order(file: Structure, architecture: Structure) -> list[str]:
    """Layers that a legacy file lists as if they were frozen, or free, and here they are not.

    These files list what is trained first, model by model, and Keras loads them by order.
    """
    if any(layer.config for layer in file.layers):
        return []
    found = belonging(Fingerprint(file), (), architecture, (), own=True).layers
    layers = architecture.by_path
    tops: dict[str, list[str]] = {}
    for path in (found[layer.path] for layer in file.layers if layer.path in found):
        top = path.partition("/")[0]
        if top in layers and is_model(layers[top]):
            tops.setdefault(top, []).append(path)
    wrong: list[str] = []
    for listed in tops.values():
        due = sorted(listed, key=lambda p: (_is_late(layers[p]), list(layers).index(p)))
        while due and due != listed:
            # The first that stands elsewhere; without it, the others may be right.
            late = next(a for a, b in zip(due, listed, strict=True) if a != b)
            wrong.append(late)
            due, listed = ([p for p in side if p != late] for side in (due, listed))
    return wrong


def out_of_place(file: Structure, architecture: Structure) -> list[str]:
    """Layers whose tensors are in other groups of a file than those in which Keras looks."""
    places = {path: place for place, path in stores(architecture).items()}
    theirs = {path: place for place, path in _stores(file.layers).items()}
    found = belonging(Fingerprint(file), (), architecture, (), own=True)
    if found.below is not None or not theirs:
        return []
    pairs = {path: theirs.get(held) for held, path in found.layers.items() if path in places}
    return [path for path, place in pairs.items() if place != places[path]]


def _is_late(layer: Layer) -> bool:
    """Whether none of its tensors is trained."""
    return layer.training.get("trainable") is False or all(
        tensor.trainable is False for tensor in layer.tensors
    )


def has_weights(layer: Layer) -> bool:
    """Whether weight files hold a tensor of it."""
    return bool(layer.stored)


def shapes(layer: Layer) -> list[tuple[int, ...]]:
    """Of the tensors that weight files hold."""
    return [tensor.shape for tensor in layer.stored]


def _complete(
    held: Sequence[Layer],
    bare: Sequence[Layer],
    weighted: Sequence[Layer],
    architecture: Structure,
    told: bool,
) -> Belonging | None:
    """By the places in which Keras looks, else by path; None where that leaves a layer without."""
    named = _stable(held, weighted)
    places = stores(architecture) if told else {}
    if not places:
        every = len(named) == len(held) == len(weighted)
        return Belonging({**_stable(bare, architecture.layers), **named}) if every else None
    found = _at(_stores([*held, *bare]), places)
    sought = {layer.path for layer in weighted} & {*places.values()}
    if sought <= {found[layer.path] for layer in held if layer.path in found}:
        # Where Keras looks, whatever names say; names tell what is inside custom layers.
        rest = {p: t for p, t in named.items() if p not in found and t not in found.values()}
        return Belonging({**found, **rest})
    return None


def _likeliest(
    file: Fingerprint, bare: Sequence[Layer], architecture: Structure,
    contents: Sequence[Measurement],
) -> Belonging:  # fmt: skip
    """The way under which the most tensors equal those known, else have their shapes."""
    held = file.structure.layers
    ours = by_layer(architecture, contents) if contents else {}
    theirs = by_layer(file.structure, file.weights) if file.weights and contents else {}
    layers = architecture.by_path

    def score(way: Belonging) -> tuple[int, int]:
        pairs = [(la, way.layers[la.path]) for la in held if la.path in way.layers]
        equal = sum(_common(theirs.get(la.path, ()), ours.get(path, ())) for la, path in pairs)
        return equal, sum(_common(shapes(la), shapes(layers[path])) for la, path in pairs)

    # Of equal ones the first: where Keras looks, then the name in the file, then running numbers.
    best = max(_ways(held, bare, architecture), key=score)
    names = _stable(held, [la for la in architecture.layers if has_weights(la)])
    taken = {*best.layers.values()}
    rest = {p: t for p, t in names.items() if p not in best.layers and t not in taken}
    return best if best.below is not None else Belonging({**best.layers, **rest})


def _ways(
    held: Sequence[Layer], bare: Sequence[Layer], architecture: Structure
) -> Iterator[Belonging]:
    every = [*held, *bare]
    places, own = stores(architecture), {layer.path: layer.path for layer in architecture.layers}
    yield Belonging(_inside(_at(_stores(every), places), every, own))
    yield Belonging(_at({layer.path: layer.path for layer in every}, own))
    weighted = [layer for layer in architecture.layers if has_weights(layer)]
    yield Belonging(_stable(held, weighted))
    for prefix in _prefixes(_stores(held), places):
        found = _inside(_at(_stores(every), places, prefix), every, own)
        yield Belonging(found, places.get(prefix[:-1], ""))
    for prefix in _prefixes([layer.path for layer in held], own):
        yield Belonging(_at({la.path: la.path for la in every}, own, prefix), prefix[:-1])


def _stores(layers: Sequence[Layer]) -> dict[str, str]:
    """Public place in the file to path in it."""
    placed = ((layer.path, (layer.config or {}).get("store")) for layer in layers)
    return {public(str(store)): path for path, store in placed if store}


def _at(keys: Mapping[str, str], places: Mapping[str, str], prefix: str = "") -> dict[str, str]:
    return {path: places[prefix + key] for key, path in keys.items() if prefix + key in places}


def _inside(
    found: dict[str, str], every: Sequence[Layer], own: Mapping[str, str]
) -> dict[str, str]:
    """With layers inside custom ones, whose places Keras names by attribute: by name below them."""
    for path in sorted(layer.path for layer in every):
        above, _, name = path.rpartition("/")
        if path not in found and above in found and f"{found[above]}/{name}" in own:
            found[path] = f"{found[above]}/{name}"
    return found


def _prefixes(keys: Sequence[str] | Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """What stands before the keys of a file in the places of a whole, if it is that of a part."""
    ends: dict[str, list[str]] = {}
    for place in places:
        ends.setdefault(place.rpartition("/")[2], []).append(place)
    above = Counter(
        place.removesuffix(key)
        for key in keys
        for place in ends.get(key.rpartition("/")[2], ())
        if place.endswith(f"/{key}")
    )
    most = max(above.values(), default=0)
    return [prefix for prefix, count in above.items() if count == most][:_MOST_INNER]


def _stable(held: Sequence[Layer], layers: Sequence[Layer]) -> dict[str, str]:
    """By path, whatever the running numbers in it."""
    ours = stable_paths(layer.path for layer in layers)
    theirs = stable_paths(layer.path for layer in held)
    named = {ours[layer.path]: layer.path for layer in layers}
    return {layer.path: named[theirs[layer.path]] for layer in held if theirs[layer.path] in named}


def _by_order(held: Sequence[Layer], weighted: Sequence[Layer]) -> dict[str, str]:
    """The n-th layer with weights in the file is the n-th one of the architecture."""
    if len(held) != len(weighted):
        return {}
    for theirs, ours in zip(held, weighted, strict=True):
        if len(theirs.tensors) != len(shapes(ours)):
            return {}
    return {theirs.path: ours.path for theirs, ours in zip(held, weighted, strict=True)}


def _by_content(
    file: Fingerprint, architecture: Structure, contents: Sequence[Measurement],
    found: Mapping[str, str],
) -> dict[str, str]:  # fmt: skip
    """Layers that hold exactly what one layer of the architecture is known to have held."""
    owners: dict[tuple[bytes, ...], list[str]] = {}
    for path, digests in by_layer(architecture, contents).items():
        owners.setdefault(digests, []).append(path)
    taken = set(found.values())
    matched = {}
    for path, digests in by_layer(file.structure, file.weights or ()).items():
        free = [owner for owner in owners.get(digests, []) if owner not in taken]
        if path not in found and len(free) == 1:
            matched[path] = free[0]
    return matched


def by_layer(structure: Structure, weights: Sequence[Measurement]) -> dict[str, tuple[bytes, ...]]:
    """By path, the digests of the tensors that weight files hold."""
    found: dict[str, tuple[bytes, ...]] = {}
    for (layer, tensor), measured in zip(structure.tensors, weights, strict=True):
        if not tensor.derived:
            found[layer.path] = (*found.get(layer.path, ()), measured.digest)
    return found


def _common(first: Sequence[object], second: Sequence[object]) -> int:
    return sum((Counter(first) & Counter(second)).values())
