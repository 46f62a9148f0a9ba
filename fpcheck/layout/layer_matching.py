"""Which layer of an architecture each layer of a weights-only file is."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from fpcheck.codec import Value
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.layer_names import stable_paths
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import Layer, Structure
from fpcheck.layout.groups import groups_of, is_model, public

Layers = Sequence[Layer]
Weights = Sequence[Measurement]
# Path in the file to path in the architecture.
Pairs = dict[str, str]
# How many inner models are tried; if the file fits more, names say nothing.
_MOST_INNER = 8


class LayerMatch(Value, frozen=True):
    """Which layer of an architecture each layer of a file is.

    Attributes:
        layers: path in the file to path in the architecture, including layers without tensors.
        below: the path of the inner model that the file contains; None if it is the whole model.
    """

    layers: dict[str, str]
    below: str | None = None


def match_layers(
    file: Fingerprint, weightless: Layers, architecture: Structure, expected: Weights, own: bool
) -> LayerMatch:
    """Match by group in a weights-only file, then by name, by order and by content.

    The file names `weightless` layers without any tensor. The architecture is known to have had
    `expected`, and is the model's `own`, or that of its golden.
    """
    layers, weighted = file.structure.layers, architecture.weighted
    ordered: Pairs = {}  # the n-th layer of a legacy file is the n-th with weights
    legacy = not _has_groups(layers)
    if legacy and [len(la.tensors) for la in layers] == [len(la.stored) for la in weighted]:
        ordered = {layer.path: its.path for layer, its in zip(layers, weighted, strict=True)}
    match = _complete(layers, weightless, architecture)
    if match is None and own and ordered:
        match = LayerMatch(ordered)
    if match is None:
        match = _best(file, weightless, architecture, expected)
        if ordered and any(layer.path not in match.layers for layer in layers):
            match = LayerMatch(ordered)
    more = _by_content(file, architecture, expected, match.layers)
    return LayerMatch({**match.layers, **more}, match.below)


def out_of_order(file: Structure, architecture: Structure) -> list[str]:
    """Layers that a legacy file lists as frozen, or as trainable, and that are not in this model.

    These files list what is trained first, model by model, and Keras loads them by order.
    """
    if _has_groups(file.layers):
        return []
    match = match_layers(Fingerprint(file), (), architecture, (), own=True).layers
    layers = architecture.by_path

    def is_frozen(layer: Layer) -> bool:
        frozen = layer.training.get("trainable") is False
        return frozen or all(tensor.trainable is False for tensor in layer.tensors)

    listed_in: dict[str, list[str]] = {}
    for path in (match[layer.path] for layer in file.layers if layer.path in match):
        top = path.partition("/")[0]
        if top in layers and is_model(layers[top]):
            listed_in.setdefault(top, []).append(path)
    wrong: list[str] = []
    for listed in listed_in.values():
        expected = sorted(listed, key=lambda p: (is_frozen(layers[p]), list(layers).index(p)))
        while expected and expected != listed:
            # Without the first layer in another position, the others may be right.
            moved = next(a for a, b in zip(expected, listed, strict=True) if a != b)
            wrong.append(moved)
            expected, listed = ([p for p in side if p != moved] for side in (expected, listed))
    return wrong


def out_of_place(file: Structure, architecture: Structure) -> list[str]:
    """Layers whose tensors are in other groups of a file than those in which Keras looks."""
    actual = {path: group for group, path in _groups_in(file.layers).items()}
    if not actual:  # a legacy file, which has no such groups
        return []
    match = match_layers(Fingerprint(file), (), architecture, (), own=True)
    if match.below is not None:
        return []
    expected = {path: group for group, path in groups_of(architecture).items()}
    groups = {path: actual.get(file_path) for file_path, path in match.layers.items()}
    return [path for path, group in groups.items() if group != expected.get(path, group)]


def shapes(layer: Layer) -> list[tuple[int, ...]]:
    """The shapes of the tensors that weight files contain."""
    return [tensor.shape for tensor in layer.stored]


def _complete(layers: Layers, weightless: Layers, architecture: Structure) -> LayerMatch | None:
    """By the groups in which Keras looks, else by name; None if a layer has no match then."""
    weighted = architecture.weighted
    named = _by_name(layers, weighted)
    groups = groups_of(architecture) if _has_groups(layers) else {}
    if not groups:
        every = len(named) == len(layers) == len(weighted)
        return LayerMatch(_by_name(weightless, architecture.layers) | named) if every else None
    match = _join(_groups_in([*layers, *weightless]), groups)
    expected = {layer.path for layer in weighted} & {*groups.values()}
    if expected <= {match[layer.path] for layer in layers if layer.path in match}:
        # Keras looks by group, whatever the names are. Names match what is inside custom layers.
        return LayerMatch(_extended(match, named))
    return None


def _best(file: Fingerprint, weightless: Layers, whole: Structure, expected: Weights) -> LayerMatch:
    """The match in which most tensors equal the known contents, then most shapes fit."""
    layers = file.structure.layers
    known, present = _digests(whole, expected), _digests(file.structure, file.weights)

    def score(match: LayerMatch) -> tuple[int, int]:
        equal = fitting = 0
        for layer in layers:
            if (path := match.layers.get(layer.path)) is not None:
                its = whole.by_path[path]
                equal += (Counter(present.get(layer.path)) & Counter(known.get(path))).total()
                fitting += (Counter(shapes(layer)) & Counter(shapes(its))).total()
        return equal, fitting

    # The first of equal ones: by group, then by the name in the file, then by stable name.
    best = max(_candidates(layers, weightless, whole), key=score)
    if best.below is not None:
        return best
    return LayerMatch(_extended(best.layers, _by_name(layers, whole.weighted)))


def _extended(match: Pairs, more: Pairs) -> Pairs:
    """A match with more pairs, as far as neither side is matched yet."""
    matched = {*match.values()}
    return match | {p: own for p, own in more.items() if p not in match and own not in matched}


def _candidates(layers: Layers, weightless: Layers, whole: Structure) -> Iterator[LayerMatch]:
    every = [*layers, *weightless]
    groups, own = groups_of(whole), {la.path: la.path for la in whole.layers}
    groups_in_file, paths_in_file = _groups_in(every), {la.path: la.path for la in every}
    yield LayerMatch(_with_inner(_join(groups_in_file, groups), every, own))
    yield LayerMatch(_join(paths_in_file, own))
    yield LayerMatch(_by_name(layers, whole.weighted))
    for prefix in _prefixes(_groups_in(layers), groups):
        match = _with_inner(_join(groups_in_file, groups, prefix), every, own)
        yield LayerMatch(match, groups.get(prefix[:-1], ""))
    for prefix in _prefixes([layer.path for layer in layers], own):
        yield LayerMatch(_join(paths_in_file, own, prefix), prefix[:-1])


def _has_groups(layers: Layers) -> bool:
    """Whether a file stores layers in groups by class, as Keras 3 does, and not in order."""
    return any(layer.config for layer in layers)


def _groups_in(layers: Layers) -> dict[str, str]:
    """The public path of each group in a file, and the path of its layer."""
    groups = ((layer.path, (layer.config or {}).get("store")) for layer in layers)
    return {public(str(group)): path for path, group in groups if group}


def _join(in_file: Pairs, in_architecture: Pairs, prefix: str = "") -> Pairs:
    """Path in the file to path in the architecture, where the keys are equal after a prefix."""
    keys = {path: prefix + key for key, path in in_file.items()}
    return {path: in_architecture[key] for path, key in keys.items() if key in in_architecture}


def _with_inner(match: Pairs, every: Layers, own: Pairs) -> Pairs:
    """A match with layers inside custom ones, whose groups have the names of attributes."""
    for path in sorted(layer.path for layer in every):
        above, _, name = path.rpartition("/")
        if path not in match and above in match and f"{match[above]}/{name}" in own:
            match[path] = f"{match[above]}/{name}"
    return match


def _prefixes(keys: Iterable[str], whole: Iterable[str]) -> list[str]:
    """The prefixes that turn most keys of a file into keys of the whole model."""
    by_name: dict[str, list[str]] = {}
    for key in whole:
        by_name.setdefault(key.rpartition("/")[2], []).append(key)
    pairs = ((key, long) for key in keys for long in by_name.get(key.rpartition("/")[2], ()))
    counts = Counter(long.removesuffix(key) for key, long in pairs if long.endswith(f"/{key}"))
    most = max(counts.values(), default=0)
    return [prefix for prefix, count in counts.items() if count == most][:_MOST_INNER]


def _by_name(layers: Layers, own_layers: Layers) -> Pairs:
    """By path, ignoring running numbers."""
    own = stable_paths(layer.path for layer in own_layers)
    by_stable = {stable: path for path, stable in own.items()}
    in_file = stable_paths(layer.path for layer in layers)
    return {la.path: by_stable[in_file[la.path]] for la in layers if in_file[la.path] in by_stable}


def _by_content(file: Fingerprint, whole: Structure, expected: Weights, match: Pairs) -> Pairs:
    """Layers whose tensors are exactly those that one layer of the architecture had."""
    owners: dict[tuple[bytes, ...], list[str]] = {}
    matched = set(match.values())
    for path, digests in _digests(whole, expected).items():
        if path not in matched:
            owners.setdefault(digests, []).append(path)
    present = _digests(file.structure, file.weights)
    free = {path: owners.get(present[path], []) for path in present if path not in match}
    return {path: candidates[0] for path, candidates in free.items() if len(candidates) == 1}


def _digests(structure: Structure, weights: Weights | None) -> dict[str, tuple[bytes, ...]]:
    """By path, the digests of the tensors that weight files contain, if there are weights."""
    digests: dict[str, tuple[bytes, ...]] = {}
    pairs = zip(structure.tensors, weights, strict=True) if weights else ()
    for (layer, tensor), measured in pairs:
        if not tensor.derived:
            digests[layer.path] = (*digests.get(layer.path, ()), measured.digest)
    return digests
