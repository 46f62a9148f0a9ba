"""Which tensor belongs to which layer in a weight file of Keras 3.

Such a file has a group for every layer, named by class or attribute, with numbered tensors.
"""

from collections.abc import Iterable, Iterator, Sequence

from fpcheck.files.dataset import Dataset, Group
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.layer_names import stable_names
from fpcheck.fingerprint.structure import ROOT, numbered_role
from fpcheck.keras_config.draft import LayerDraft
from fpcheck.layout.groups import public

# The tensors of a layer in order, with their roles if the file stores them.
Tensors = list[tuple[str | None, Dataset]]
# By the path of the layer.
LayerTensors = dict[str, Tensors]
_VARS = "vars"
# The role of the weights of a vocabulary's words, which are derived state.
IDF = "idf_weights"
_TABLE = "_lookup_layer"
# Groups with the state of training or of random generators, in the model and in any layer.
_STATE_OF_MODEL = frozenset({"optimizer", "metrics", "compile_metrics", "loss_tracker"})
_STATE_OF_LAYERS = frozenset(
    {"_metrics", "_compile_metrics", "_loss_tracker", "_seed_generators", "_random_generator"}
)


def by_store(file: File, entries: Sequence[LayerDraft], beside: bool = False) -> LayerTensors:
    """The tensors of each layer, for a known architecture.

    Args:
        file: the file.
        entries: the layers of the graph.
        beside: whether the model may call layers outside its graph, since its class is custom.
            Only the names and tensors of these are known.
    """
    _check_groups(file, file.root)
    tensors: LayerTensors = {}
    if own := _numbered(file.root):
        tensors[ROOT] = own
    for entry in entries:
        group = _find(file.root, entry.group) if entry.group else None
        if group is None:
            continue
        # A layer that has its table in an inner layer saves it twice; Keras loads the inner last.
        tensors[entry.path] = _numbered(group.groups.get(_TABLE)) or _numbered(group)
        if entry.roles is None:
            _collect(file, group, entry.path, tensors, {})
    _collect_rest(file, entries, tensors)
    if beside:
        outside = {k: g for k, g in file.root.groups.items() if k not in ("layers", _VARS)}
        rest = Group(file.root.name, file.root.handle, outside)
        _collect(file, rest, "", tensors, {}, named=True)
    return tensors


def _find(root: Group, path: str) -> Group | None:
    """The group at a public path, which may have a private name in the file."""
    above, _, attribute = path.rpartition("/")
    private = f"{above}/_{attribute}"
    group = root.find(path)
    return root.find(private) if group is None and public(private) == path else group


def _collect_rest(file: File, entries: Sequence[LayerDraft], tensors: LayerTensors) -> None:
    """Add tensors in the group of a layer that are not where its class stores tensors.

    The layer may use them, so they are compared.
    """
    owners = {public(entry.group): entry for entry in entries if entry.group}
    for group, _ in _strays(file.root, tensors):
        place, _, last = public(group.name).rpartition("/")
        above = place
        while above and above not in owners:
            above = above.rpartition("/")[0]
        owner = owners.get(above)
        if owner is not None and not owner.graph and last == _VARS:
            path = owner.path + place.removeprefix(above)
            tensors[path] = _numbered(file.root.find(group.name.removesuffix(f"/{_VARS}")))


def strays(root: Group, tensors: LayerTensors) -> list[str]:
    """The names of tensors that are neither of a layer nor state of training."""
    return [dataset.name for _, datasets in _strays(root, tensors) for dataset in datasets]


def others(root: Group, stored: Iterable[object]) -> list[Dataset]:
    """Every tensor that is not one of the model's: state of training, and strays."""
    known = {item.name for item in stored if isinstance(item, Dataset)}
    rest, stack = [], [root]
    while stack:
        group = stack.pop()
        rest += [dataset for dataset in group.datasets.values() if dataset.name not in known]
        stack += group.groups.values()
    return rest


def _strays(root: Group, tensors: LayerTensors) -> list[tuple[Group, list[Dataset]]]:
    """Groups with tensors that are neither of a layer nor state of training, and these tensors."""
    known = {dataset.name for own in tensors.values() for _, dataset in own}
    stack, with_strays = [root], []
    while stack:
        group = stack.pop()
        rest = [d for key, d in group.datasets.items() if key != IDF and d.name not in known]
        with_strays += [(group, rest)] if rest else []
        children = (child for name, child in group.groups.items() if not _is_state(group, name))
        stack += [child for child in children if not _is_seed(child)]
    return with_strays


def by_group(file: File) -> tuple[LayerTensors, dict[str, str]]:
    """The tensors of each layer by its name in the file.

    Returns:
        The tensors, and the group of each layer, including layers without tensors.
    """
    _check_groups(file, file.root)
    tensors: LayerTensors = {}
    groups: dict[str, str] = {}
    if own := _numbered(file.root):
        tensors[ROOT] = own
    _collect(file, file.root, "", tensors, groups)
    return tensors, groups


def _check_groups(file: File, group: Group) -> None:
    """Refuse tensors outside of `vars`, where no layer looks for them."""
    in_vars = group.name.rpartition("/")[2] == _VARS
    if group.datasets and not in_vars:
        name = f"{group.name or '/'}: {next(iter(group.datasets))[:80]}"
        raise file.refused(name, "is a tensor that belongs to no layer")
    if group.groups and in_vars:
        raise file.refused(group.name, "contains a group where tensors belong")
    for child in group.groups.values():
        _check_groups(file, child)


def _collect(
    file: File,
    parent: Group,
    path: str,
    tensors: LayerTensors,
    groups: dict[str, str],
    named: bool = False,
) -> None:
    """Add the tensors and groups of the layers below a group to `tensors` and `groups`."""
    children = [(name, group) for name, group in _layers_in(file, parent) if not _is_seed(group)]
    names = [name for name, _ in children]
    # The names in a functional model are its own; other names are running numbers.
    named = named or (not path and "layers" in parent.groups)
    names = names if named and len({*names}) == len(names) else stable_names(names)
    for name, (_, group) in zip(names, children, strict=True):
        layer = f"{path}/{name}" if path else name
        groups[layer] = group.name
        if own := [tensor for tensor in _numbered(group) if tensor[0] != IDF]:
            tensors[layer] = own
        _collect(file, group, layer, tensors, groups)


def _is_seed(group: Group) -> bool:
    """Whether it is the state of a random generator: two numbers and nothing else."""
    named = group.name.rpartition("/")[2].startswith("seed_generator")
    tensors = _numbered(group)
    return named and bool(tensors) and all(dataset.shape == (2,) for _, dataset in tensors)


def _is_state(parent: Group, name: str) -> bool:
    """Whether a group contains state of training; inside layers only private names are reserved."""
    return name in _STATE_OF_LAYERS or (name in _STATE_OF_MODEL and not parent.name.strip("/"))


def _layers_in(file: File, parent: Group) -> Iterator[tuple[str, Group]]:
    """The layers directly in a group or in its lists, with their names."""
    for name, group in parent.groups.items():
        if _is_state(parent, name) or name == _VARS:
            continue
        if _VARS in group.groups:
            yield file.text(group.groups[_VARS], "name") or name, group
        else:
            yield from _layers_in(file, group)


def _numbered(group: Group | None) -> Tensors:
    """The tensors of a layer, in the order of their numbers."""
    own = group.groups.get(_VARS) if group else None
    if own is None:
        return []
    numbers = {key: int(key) for key in own.datasets if key.isdecimal() and len(key) < 10}
    # Custom layers choose the names of their tensors; lookups store the weights of words.
    keys = sorted(own.datasets, key=lambda key: numbers.get(key, 10**9))
    # Gaps in the numbers show which of the layer's tensors are missing.
    gaps = len(numbers) == len(keys) and sorted(numbers.values()) != [*range(len(keys))]
    roles = {key: numbered_role(number) for key, number in numbers.items() if gaps}
    return [(IDF if key == IDF else roles.get(key), own.datasets[key]) for key in keys]
