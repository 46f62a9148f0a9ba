"""Which tensor of a weight file belongs where: the two ways in which Keras lays weights out.

Keras 3 gives every layer a group, named by class or attribute, and numbers its tensors. The legacy
format gives every outermost layer a group, and lists its tensors: trainable ones first.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from fpcheck.files.dataset import Dataset, Group
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.layer_names import stable_names, stable_paths
from fpcheck.fingerprint.structure import ROOT
from fpcheck.keras_config.builtin_layers import is_fixed
from fpcheck.keras_config.model_config import Entry
from fpcheck.layout.group_names import public

# A layer's path to its tensors in order; a role where the file tells one.
Tensors = list[tuple[str | None, Dataset]]
Held = dict[str, Tensors]
# Tensors by their full names in a legacy file.
NamedTensors = list[tuple[str, Dataset]]
_VARS = "vars"
# Weights of a vocabulary's words: derived state, beside the vocabulary.
IDF = "idf_weights"
_TABLE = "_lookup_layer"
# State of training and of randomness, which is no weight: of the model itself, and of any layer.
_OF_MODEL = frozenset({"optimizer", "metrics", "compile_metrics", "loss_tracker"})
_OF_LAYERS = frozenset(
    {"_metrics", "_compile_metrics", "_loss_tracker", "_seed_generators", "_random_generator"}
)
# What only SpectralNormalization holds, beside a tensor that legacy files hold once.
_LIMITED = "vector_u"
# Outside the outermost layers, in the legacy format.
_TOP = "top_level_model_weights"


def by_store(file: File, entries: Sequence[Entry], beside: bool = False) -> Held:
    """The tensors of a Keras 3 weight file whose architecture is known.

    Args:
        file: the file.
        entries: the layers of the graph.
        beside: whether the model may call layers that stand beside its graph, since its class is
            the user's; they are known by name and tensors only.
    """
    _check_places(file, file.root)
    held: Held = {}
    if own := _numbered(file.root):
        held[ROOT] = own
    for entry in entries:
        group = _find(file.root, entry.store) if entry.store else None
        if group is None:
            continue
        # A layer that holds its table in another saves it twice; Keras loads the inner one last.
        held[entry.path] = _numbered(group.groups.get(_TABLE)) or _numbered(group)
        if entry.roles is None:
            _collect(file, group, entry.path, held, {})
    _collect_rest(file, entries, held)
    if beside:
        others = {k: g for k, g in file.root.groups.items() if k not in ("layers", _VARS)}
        rest = Group(file.root.name, file.root.handle, others)
        _collect(file, rest, "", held, {}, named=True)
    return held


def _find(root: Group, store: str) -> Group | None:
    """The group at a public place, which may have a private name."""
    above, _, attribute = store.rpartition("/")
    private = f"{above}/_{attribute}"
    group = root.find(store)
    if group is None and public(private) == store:
        group = root.find(private)
    return group


def _collect_rest(file: File, entries: Sequence[Entry], held: Held) -> None:
    """What lies in the group of a layer, and not where its class is known to keep tensors.

    Nothing is known of it but that a layer may use it: so it is compared.
    """
    owners = {public(entry.store): entry for entry in entries if entry.store}
    for group, _ in _strays(file.root, held):
        place, _, last = public(group.name).rpartition("/")
        above = place
        while above and above not in owners:
            above = above.rpartition("/")[0]
        owner = owners.get(above)
        if owner is not None and not owner.graph and last == _VARS:
            path = owner.path + place.removeprefix(above)
            held[path] = _numbered(file.root.find(group.name.removesuffix(f"/{_VARS}")))


def strays(root: Group, held: Held) -> list[str]:
    """Tensors that belong to no layer, and are no state of training either."""
    return [tensor.name for _, tensors in _strays(root, held) for tensor in tensors]


def others(root: Group, stored: Iterable[object]) -> list[Dataset]:
    """Every tensor that is not among those of the model: state of training, and strays."""
    known = {item.name for item in stored if isinstance(item, Dataset)}
    found, stack = [], [root]
    while stack:
        group = stack.pop()
        found += [dataset for dataset in group.datasets.values() if dataset.name not in known]
        stack += group.groups.values()
    return found


def _strays(root: Group, held: Held) -> list[tuple[Group, list[Dataset]]]:
    """Groups that hold tensors of no layer, and those."""
    known = {dataset.name for tensors in held.values() for _, dataset in tensors}
    found, stack = [], [root]
    while stack:
        group = stack.pop()
        left = [d for key, d in group.datasets.items() if key != IDF and d.name not in known]
        found += [(group, left)] if left else []
        stack += [
            child for name, child in group.groups.items()
            if not _passes(group, name) and not _is_seed(child)
        ]  # fmt: skip
    return found


def by_group(file: File) -> tuple[Held, dict[str, str]]:
    """The tensors of a Keras 3 weight file by the names of layers in it.

    Returns:
        Those, and where each layer lies: also the layers without tensors.
    """
    _check_places(file, file.root)
    held: Held = {}
    stores: dict[str, str] = {}
    if own := _numbered(file.root):
        held[ROOT] = own
    _collect(file, file.root, "", held, stores)
    return held, stores


def _check_places(file: File, group: Group) -> None:
    """Refuse tensors outside of `vars`, where no layer would look for them."""
    inside = group.name.rpartition("/")[2] == _VARS
    if group.datasets and not inside:
        raise file.refused(f"{group.name or '/'}: {next(iter(group.datasets))[:80]}",
                           "is a tensor that belongs to no layer")  # fmt: skip
    if group.groups and inside:
        raise file.refused(group.name, "holds a group where tensors belong")
    for child in group.groups.values():
        _check_places(file, child)


def _collect(
    file: File, parent: Group, path: str, held: Held, stores: dict[str, str], named: bool = False
) -> None:
    inside = [(name, group) for name, group in _saveables(file, parent) if not _is_seed(group)]
    names = [name for name, _ in inside]
    # A functional model names its layers itself; elsewhere the names are running numbers.
    named = named or (not path and "layers" in parent.groups)
    named = named and len({*names}) == len(names)
    shown = names if named else stable_names(names)
    for name, (_, group) in zip(shown, inside, strict=True):
        own = f"{path}/{name}" if path else name
        stores[own] = group.name
        if tensors := [tensor for tensor in _numbered(group) if tensor[0] != IDF]:
            held[own] = tensors
        _collect(file, group, own, held, stores)


def _is_seed(group: Group) -> bool:
    """Whether it is the state of a random generator: two numbers, and nothing else."""
    named = group.name.rpartition("/")[2].startswith("seed_generator")
    tensors = _numbered(group)
    return named and bool(tensors) and all(dataset.shape == (2,) for _, dataset in tensors)


def _passes(parent: Group, name: str) -> bool:
    """Whether a group holds state of training: a layer may call a layer in it as it likes."""
    return name in _OF_LAYERS or (name in _OF_MODEL and not parent.name.strip("/"))


def _saveables(file: File, parent: Group) -> Iterator[tuple[str, Group]]:
    """The layers directly inside, those in lists too, each with its name."""
    for name, group in parent.groups.items():
        if _passes(parent, name) or name == _VARS:
            continue
        if _VARS in group.groups:
            yield file.text(group.groups[_VARS], "name") or name, group
        else:
            yield from _saveables(file, group)


def _numbered(group: Group | None) -> Tensors:
    own = group.groups.get(_VARS) if group else None
    if own is None:
        return []
    # Custom layers may call their tensors as they like; lookups keep the weights of words.
    keys = sorted(
        own.datasets, key=lambda key: (0, int(key)) if key.isdecimal() and len(key) < 10 else (1, 0)
    )
    # Numbers that are not those of as many tensors tell which of the layer's are missing.
    numbers = [int(key) for key in keys if key.isdecimal() and len(key) < 10]
    gaps = len(numbers) == len(keys) and numbers != [*range(len(keys))]
    return [(key if key == IDF else f"#{int(key)}" if gaps else None, own.datasets[key])
            for key in keys]  # fmt: skip


def legacy(file: File, root: Group, entries: Sequence[Entry], graph: bool = True) -> Held:
    """The tensors of a legacy file; without entries, by the names in it.

    Args:
        file: the file.
        root: the group with all weights.
        entries: the architecture's layers, if it is known.
        graph: whether layers have names of their own; else they are running numbers.
    """
    held: Held = {}
    tops = file.texts(root, "layer_names")
    if tops is None:
        raise file.refused(root.name or "/", "holds no list of its layers")
    lists = [(top, _listed(file, root, top)) for top in tops]
    for path, top, listed in _paired([item for item in lists if item[1]], entries):
        own = [e for e in entries if e.path == path or e.path.startswith(f"{path}/")]
        held |= _in_order(own, listed) or _by_scope(top, path, listed, own)
    if not graph:
        held = {path: held[old] for old, path in stable_paths(held).items() if old in held}
    if _TOP in root.groups and (listed := _listed(file, root, _TOP)):
        held[ROOT] = [(_role(name), dataset) for name, dataset in listed]
    return held


def weightless(file: File, root: Group) -> list[str]:
    """Layers that a legacy file lists, and of which it holds no tensor."""
    tops = file.texts(root, "layer_names") or []
    return [top for top in tops if not _listed(file, root, top)]


def _paired(
    lists: list[tuple[str, NamedTensors]], entries: Sequence[Entry]
) -> Iterator[tuple[str, str, NamedTensors]]:
    """Layer, name in the file, tensors: by name where names stand in order, else by order.

    Keras loads these files by order and looks at no name.
    """
    # Keras 3 allows no slash in the name of a layer.
    names = [top.replace("/", "_") for top, _ in lists]
    order = [entry.path for entry in entries if "/" not in entry.path]
    places = [order.index(name) if name in order else -1 for name in names]
    weighted = [path for path in order if _may_hold(path, entries)]
    if entries and places != sorted({*places} - {-1}) and len(weighted) == len(names):
        names = weighted
    for name, (top, listed) in zip(names, lists, strict=True):
        yield name, top, listed


def _may_hold(path: str, entries: Sequence[Entry]) -> bool:
    below = (e for e in entries if e.path == path or e.path.startswith(f"{path}/"))
    return any(entry.roles != [] for entry in below)


def _listed(file: File, root: Group, top: str) -> NamedTensors:
    group = root.find(top)
    if group is None:
        raise file.refused(f"layer_names: {top[:80]}", "is no layer in the file")
    found = []
    names = file.texts(group, "weight_names")
    if names is None and (group.groups or group.datasets):
        raise file.refused(top[:80], "holds tensors, and no list of their names")
    for name in names or []:
        above, _, last = name.rpartition("/")
        owner = group.find(above) if above else group
        dataset = owner.datasets.get(last) if owner else None
        if dataset is None:
            raise file.refused(f"{top}: {name[:80]}", "is no tensor of the layer")
        found.append((name, dataset))
    return found


def _in_order(entries: Sequence[Entry], listed: NamedTensors) -> Held:
    """As Keras loads them: trainable tensors of all inner layers first, then the others."""
    if any(entry.roles is None for entry in entries):
        return {}
    twice = dict(_twice(entries))
    expected = [
        (e, place, role) for e in entries for place, role in enumerate(e.roles or ())
        if (e.path, role) not in twice
    ]  # fmt: skip
    expected.sort(key=lambda item: _fixed(item[0], item[2]))
    if len(expected) != len(listed):
        return {}
    found = {(e.path, role): dataset
             for (e, _, role), (_, dataset) in zip(expected, listed, strict=True)}  # fmt: skip
    found |= {inner: found[outer] for inner, outer in twice.items()}
    return {e.path: [(role, found[e.path, role]) for role in e.roles] for e in entries if e.roles}


def _twice(entries: Sequence[Entry]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Tensors that a layer shares with the one around it; these files hold them once, as that's."""
    for outer in entries:
        if outer.class_name == "SpectralNormalization" and outer.roles:
            role = outer.roles[0]
            inner = (e for e in entries if e.path.startswith(f"{outer.path}/"))
            yield from (
                ((e.path, role), (outer.path, role)) for e in inner if role in (e.roles or ())
            )


def _fixed(entry: Entry, role: str) -> bool:
    """Whether training would leave a tensor alone."""
    return not entry.trainable or is_fixed(role, entry.dtype)


def _by_scope(top: str, above: str, listed: NamedTensors, entries: Sequence[Entry]) -> Held:
    """By the scopes in the names of tensors: `both_ways/forward_lstm/lstm_cell/kernel`."""
    scopes = [name.replace(top, above).split("/")[:-1] for name, _ in listed]
    # What stands before the layer's own name are scopes of models around it.
    inner = [scope[scope.index(above) + 1 :] if above in scope else scope for scope in scopes]
    # TensorFlow 1 numbered a scope that was entered twice: `dense_1/kernel`, then `dense_1_1`.
    inner = [[] if re.fullmatch(re.escape(above) + r"_\d+", "/".join(s)) else s for s in inner]
    paths = _unnumbered("/".join(scope) for scope in inner)
    # A known layer keeps its running number where the model around it names it.
    weighted = (e.path.removeprefix(f"{above}/") for e in entries if e.roles != [])
    known = {stable: path for path, stable in _unnumbered(weighted).items()}
    held: Held = {}
    for (name, dataset), scope in zip(listed, inner, strict=True):
        stable = paths["/".join(scope)]
        path = f"{above}/{known.get(stable, stable)}" if scope else above
        held.setdefault(path, []).append((_role(name), dataset))
    return _limited(held)


def _unnumbered(paths: Iterable[str]) -> dict[str, str]:
    return {"": "", **stable_paths(filter(None, paths))}


def _limited(held: Held) -> Held:
    """With the tensor that SpectralNormalization shares with the layer in it, at both."""
    outer = {path for path, tensors in held.items() if [role for role, _ in tensors] == [_LIMITED]}
    found: Held = {}
    for path, tensors in held.items():
        for above in outer & {path[:end] for end, letter in enumerate(path) if letter == "/"}:
            found[above] = [tensors[0], *held[above]]  # before what is in it, as in a model
            outer = outer - {above}
        found.setdefault(path, tensors)
    return found


def _role(name: str) -> str | None:
    return name.rpartition("/")[2].partition(":")[0] or None
