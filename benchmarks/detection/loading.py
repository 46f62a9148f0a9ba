"""Weights that were not loaded, or loaded into another place."""

from collections.abc import Sequence

from benchmarks.detection.case import Cases, edit, fault
from benchmarks.detection.subject import Array, Slot, Subject

GROUP = "weights not loaded, or elsewhere"
# Fewer values than this have no distribution that could be told from another.
FEWEST = 48


def _fresh(subject: Subject, *paths: str) -> dict[tuple[str, int], Array]:
    return {key: v for key, v in subject.fresh.items() if key[0] in paths}


def _loadable(subject: Subject) -> list[str]:
    """Layers whose own initializers draw at random."""
    return [
        path
        for path, slots in subject.layers.items()
        if slots[0].is_kernel and slots[0].variable.shape.num_elements() >= FEWEST
        if slots[0].kind != "Embedding" or slots[0].shape[-1] >= 8
    ]


@fault("nothing-loaded", GROUP, "not-loaded")
def nothing_loaded(subject: Subject) -> Cases:
    """No weight was loaded: a fresh model of the same architecture."""
    yield from edit(subject, "all", subject.fresh, layers=None)


@fault("layer-not-loaded", GROUP, "not-loaded")
def layer_not_loaded(subject: Subject) -> Cases:
    """One layer keeps its fresh values."""
    head = subject.head[0].layer
    for path in subject.spread(_loadable(subject)):
        codes = ("not-loaded", "head-replaced") if path == head else ()
        yield from edit(subject, path, _fresh(subject, path), codes=codes)


@fault("norm-not-loaded", GROUP, "not-loaded")
def norm_not_loaded(subject: Subject) -> Cases:
    """One BatchNormalization keeps all four fresh vectors."""
    for path in subject.spread(list(subject.norms())):
        yield from edit(subject, path, _fresh(subject, path))


@fault("two-layers-not-loaded", GROUP, "not-loaded")
def two_layers_not_loaded(subject: Subject) -> Cases:
    """Two layers far apart keep their fresh values."""
    paths = _loadable(subject)
    if len(paths) >= 3:
        yield from edit(subject, f"{paths[0]}, {paths[-2]}", _fresh(subject, paths[0], paths[-2]))


@fault("statistics-reset", GROUP, "batchnorm-statistics-reset")
def statistics_reset(subject: Subject) -> Cases:
    """Moving mean 0 and variance 1: only trainable weights were copied."""
    norms = subject.norms()
    keys = {p: [s.key for r, s in by.items() if "moving" in r] for p, by in norms.items()}
    if norms:
        every = {key for paths in keys.values() for key in paths}
        yield from edit(subject, "all", {key: subject.fresh[key] for key in every})
    if len(norms) > 1:
        for path in subject.spread(list(norms)):
            yield from edit(subject, path, {key: subject.fresh[key] for key in keys[path]})


def _exchanged(subject: Subject, slots: Sequence[Slot]) -> dict[tuple[str, int], Array]:
    first, second = slots
    return {first.key: subject.values[second.key], second.key: subject.values[first.key]}


@fault("statistics-exchanged", GROUP, "roles-mixed")
def statistics_exchanged(subject: Subject) -> Cases:
    """Moving mean and variance in each other's place."""
    for path, by in _some_norms(subject):
        pair = [by["moving_mean"], by["moving_variance"]]
        yield from edit(subject, path, _exchanged(subject, pair))


@fault("gamma-beta-exchanged", GROUP, "roles-mixed")
def gamma_beta_exchanged(subject: Subject) -> Cases:
    """Gamma and beta in each other's place."""
    for path, by in _some_norms(subject):
        if "gamma" in by and "beta" in by:
            yield from edit(subject, path, _exchanged(subject, [by["gamma"], by["beta"]]))


@fault("torch-order", GROUP, "roles-mixed")
def torch_order(subject: Subject) -> Cases:
    """The four vectors rotated: mean, variance, gamma, beta."""
    for path, by in _some_norms(subject):
        if len(by) == 4:
            roles = ("gamma", "beta", "moving_mean", "moving_variance")
            wrong = ("moving_mean", "moving_variance", "gamma", "beta")
            pairs = zip(roles, wrong, strict=True)
            edits = {by[role].key: subject.values[by[other].key] for role, other in pairs}
            yield from edit(subject, path, edits)


def _some_norms(subject: Subject) -> list[tuple[str, dict[str, Slot]]]:
    return subject.spread(list(subject.norms().items()))


def _alike(subject: Subject) -> list[list[str]]:
    """Groups of layers of one class and shapes, with a kernel, in the model's order."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for path, slots in subject.layers.items():
        key = (slots[0].kind, *((slot.role, slot.shape) for slot in slots))
        groups.setdefault(key, []).append(path)
    return [paths for paths in groups.values() if len(paths) > 1]


def _holding(subject: Subject, sources: dict[str, str]) -> dict[tuple[str, int], Array]:
    """Each layer with the values of another."""
    return {
        slot.key: subject.values[(other, slot.index)]
        for path, other in sources.items()
        for slot in subject.layers[path]
    }


@fault("layers-swapped", GROUP, "layers-swapped")
def layers_swapped(subject: Subject) -> Cases:
    """Two layers of one shape hold each other's weights."""
    pairs = {(g[0], g[1]): None for g in _alike(subject)}  # adjacent
    pairs |= {(g[0], g[-1]): None for g in _alike(subject)}  # distant
    for first, second in subject.spread(list(pairs)):
        edits = _holding(subject, {first: second, second: first})
        yield from edit(subject, f"{first} <-> {second}", edits)


@fault("chain-shifted", GROUP, "layers-swapped")
def chain_shifted(subject: Subject) -> Cases:
    """Along a chain of equal layers, each holds the weights of the one before it."""
    chains = [group for group in _alike(subject) if len(group) > 2]
    for chain in subject.spread(chains)[:2]:
        edits = _holding(subject, dict(zip(chain[1:], chain, strict=False)))
        yield from edit(subject, f"{chain[1]} … {chain[-1]}", edits)


@fault("loaded-twice", GROUP, "layers-swapped")
def loaded_twice(subject: Subject) -> Cases:
    """One layer holds a copy of another's weights."""
    for group in subject.spread(_alike(subject))[:1]:
        yield from edit(subject, group[1], _holding(subject, {group[1]: group[0]}))
