"""Which layer each tensor of a Keras 3 weight file belongs to.

Keras 3 gives every layer a group, named by class or attribute, and numbers its tensors.
"""

from collections.abc import Iterable, Iterator, Sequence

from fpcheck.files.dataset import Dataset, Group
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.structure import ROOT, stable_names
from fpcheck.keras_config.model_config import Entry
from fpcheck.layout.group_names import public

# The tensors of a layer in order, with their roles where the file names them; and those by the path
# of their layer.
Tensors = list[tuple[str | None, Dataset]]
Held = dict[str, Tensors]
_VARS = "vars"
# Weights of a vocabulary's words: derived state, beside the vocabulary.
IDF = "idf_weights"
_TABLE = "_lookup_layer"
# State of training and of randomness, which is no weight: of the model itself, and of any layer.
_OF_MODEL = frozenset({"optimizer", "metrics", "compile_metrics", "loss_tracker"})
_OF_LAYERS = frozenset(
    {"_metrics", "_compile_metrics", "_loss_tracker", "_seed_generators", "_random_generator"}
)


def by_store(file: File, entries: Sequence[Entry], beside: bool = False) -> Held:
    """The tensors of a Keras 3 weight file whose architecture is known.

    Args:
        file: the file.
        entries: the layers of the graph.
        beside: whether the model may call layers outside its graph, since its class is the user's.
            Only their names and tensors are known.
    """
    _check_places(file, file.root)
    held: Held = {}
    if own := _numbered(file.root):
        held[ROOT] = own
    for entry in entries:
        group = _find(file.root, entry.store) if entry.store else None
        if group is None:
            continue
        # A layer whose table is in an inner layer saves it twice; Keras loads the inner one last.
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
    """Tensors in the group of a layer, at places where its class is not known to store tensors.

    The layer may use them, so they are compared.
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
    """The names of tensors that belong to no layer and are no state of training."""
    return [tensor.name for _, tensors in _strays(root, held) for tensor in tensors]


def others(root: Group, stored: Iterable[object]) -> list[Dataset]:
    """All tensors that are not the model's: state of training, and tensors of no layer."""
    known = {item.name for item in stored if isinstance(item, Dataset)}
    found, stack = [], [root]
    while stack:
        group = stack.pop()
        found += [dataset for dataset in group.datasets.values() if dataset.name not in known]
        stack += group.groups.values()
    return found


def _strays(root: Group, held: Held) -> list[tuple[Group, list[Dataset]]]:
    """Groups that contain tensors of no layer, and these tensors."""
    known = {dataset.name for tensors in held.values() for _, dataset in tensors}
    found, stack = [], [root]
    while stack:
        group = stack.pop()
        left = [d for key, d in group.datasets.items() if key != IDF and d.name not in known]
        found += [(group, left)] if left else []
        for name, child in group.groups.items():
            if not _passes(group, name) and not _is_seed(child):
                stack.append(child)
    return found


def by_group(file: File) -> tuple[Held, dict[str, str]]:
    """The tensors of a Keras 3 weight file whose architecture is not known.

    Returns:
        The tensors by the names of layers in the file, and the group of each layer; layers without
        tensors too.
    """
    _check_places(file, file.root)
    held: Held = {}
    stores: dict[str, str] = {}
    if own := _numbered(file.root):
        held[ROOT] = own
    _collect(file, file.root, "", held, stores)
    return held, stores


def _check_places(file: File, group: Group) -> None:
    """Refuse tensors outside of `vars`, where Keras does not look for them."""
    inside = group.name.rpartition("/")[2] == _VARS
    if group.datasets and not inside:
        place = f"{group.name or '/'}: {next(iter(group.datasets))[:80]}"
        raise file.refused(place, "is a tensor that belongs to no layer")
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
    """Whether a group contains state of training; a layer may give an inner layer such a name."""
    return name in _OF_LAYERS or (name in _OF_MODEL and not parent.name.strip("/"))


def _saveables(file: File, parent: Group) -> Iterator[tuple[str, Group]]:
    """The names and groups of the layers directly inside, also of those in lists."""
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
    # Custom layers choose the names of their tensors; lookups store the weights of words.
    keys = sorted(
        own.datasets, key=lambda key: (0, int(key)) if key.isdecimal() and len(key) < 10 else (1, 0)
    )
    # Where numbers are left out, the others say which tensors of the layer are missing.
    numbers = [int(key) for key in keys if key.isdecimal() and len(key) < 10]
    gaps = len(numbers) == len(keys) and numbers != [*range(len(keys))]
    roles = [key if key == IDF else f"#{int(key)}" if gaps else None for key in keys]
    return [(role, own.datasets[key]) for role, key in zip(roles, keys, strict=True)]
