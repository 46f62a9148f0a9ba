"""Which tensor belongs to which layer in a weight file of Keras 3.

Such a file has a group for every layer, named by class or attribute, with numbered tensors.
"""

from collections.abc import Iterable, Iterator, Sequence

from fpcheck.files.dataset import Dataset, Group
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.layer_names import stable_names
from fpcheck.fingerprint.structure import ROOT, numbered_role
from fpcheck.keras_config.layer_config import LayerDraft
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
    """The tensors of each layer of a graph.

    With `beside`, the model may call other layers too, since its class is custom. Only the names
    and tensors of these are known.
    """
    tensors = _of_model(file)
    for entry in entries:
        group = _find(file.root, entry.group) if entry.group else None
        if group is None:
            continue
        # A layer that has its table in an inner layer saves it twice; Keras loads the inner last.
        tensors[entry.path] = _numbered(group.groups.get(_TABLE)) or _numbered(group)
        if entry.roles is None:
            tensors |= _with_tensors(_layers(file, group, entry.path))
    _collect_rest(file, entries, tensors)
    if beside:
        outside = {k: g for k, g in file.root.groups.items() if k not in ("layers", _VARS)}
        rest = Group(file.root.name, file.root.handle, outside)
        tensors |= _with_tensors(_layers(file, rest, named=True))
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
    for group in dict.fromkeys(name.rpartition("/")[0] for name in strays(file.root, tensors)):
        place, _, last = public(group).rpartition("/")
        above = place
        while above and above not in owners:
            above = above.rpartition("/")[0]
        owner = owners.get(above)
        if owner is not None and not owner.graph and last == _VARS:
            path = owner.path + place.removeprefix(above)
            tensors[path] = _numbered(file.root.find(group.removesuffix(f"/{_VARS}")))


def strays(root: Group, tensors: LayerTensors) -> list[str]:
    """The names of tensors that are neither of a layer nor state of training."""
    known = {dataset.name for own in tensors.values() for _, dataset in own}
    stack, names = [root], list[str]()
    while stack:
        group = stack.pop()
        datasets = (held.name for key, held in group.datasets.items() if key != IDF)
        names += [name for name in datasets if name not in known]
        children = (child for name, child in group.groups.items() if not _is_state(group, name))
        stack += [child for child in children if not _is_seed(child)]
    return names


def others(root: Group, stored: Iterable[object]) -> list[Dataset]:
    """Every tensor that is not one of the model's: state of training, and strays."""
    known = {item.name for item in stored if isinstance(item, Dataset)}
    every = (dataset for group in root.walk() for dataset in group.datasets.values())
    return [dataset for dataset in every if dataset.name not in known]


def by_group(file: File) -> tuple[LayerTensors, dict[str, str]]:
    """The tensors of each layer by its name in the file, and the groups of all layers."""
    layers = [*_layers(file, file.root)]
    return _of_model(file) | _with_tensors(layers), {path: group.name for path, group in layers}


def _of_model(file: File) -> LayerTensors:
    """The tensors of the model itself; checks that all others are where a layer has them."""
    _check_groups(file, file.root)
    own = _numbered(file.root)
    return {ROOT: own} if own else {}


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


def _layers(
    file: File, parent: Group, path: str = "", named: bool = False
) -> Iterator[tuple[str, Group]]:
    """The paths and groups of the layers below a group, whose own path is given."""
    children = [(name, group) for name, group in _layers_in(file, parent) if not _is_seed(group)]
    names = [name for name, _ in children]
    # The names in a functional model are its own; other names are running numbers.
    named = named or (not path and "layers" in parent.groups)
    names = names if named and len({*names}) == len(names) else stable_names(names)
    for name, (_, group) in zip(names, children, strict=True):
        layer = f"{path}/{name}" if path else name
        yield layer, group
        yield from _layers(file, group, layer)


def _with_tensors(layers: Iterable[tuple[str, Group]]) -> LayerTensors:
    numbered = ((path, _numbered(group)) for path, group in layers)
    found = ((path, [item for item in own if item[0] != IDF]) for path, own in numbered)
    return {path: own for path, own in found if own}


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
