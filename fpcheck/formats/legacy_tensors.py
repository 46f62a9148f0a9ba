"""Which tensor belongs to which layer in a legacy HDF5 file.

A legacy file has a group for every outermost layer, which lists all tensors of the layer, trainable
ones first.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fpcheck.files.dataset import Dataset, Group
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.layer_names import stable_paths
from fpcheck.fingerprint.structure import ROOT
from fpcheck.formats.tensor_groups import LayerTensors
from fpcheck.keras_config.builtin_layers import is_fixed
from fpcheck.keras_config.layer_config import LayerDraft

# Tensors by their full names in the file.
NamedTensors = list[tuple[str, Dataset]]
# The tensors of the model outside its outermost layers.
_TOP = "top_level_model_weights"


def legacy(
    file: File, root: Group, entries: Sequence[LayerDraft], graph: bool = True
) -> LayerTensors:
    """The tensors of each layer, by its path; without entries, by its name in the file.

    `root` is the group with all weights. Without a graph, names are running numbers.
    """
    tensors: LayerTensors = {}
    tops = file.texts(root, "layer_names")
    if tops is None:
        raise file.refused(root.name or "/", "contains no list of its layers")
    by_top: dict[str, list[LayerDraft]] = {}
    for entry in entries:
        by_top.setdefault(entry.path.partition("/")[0], []).append(entry)
    lists = [(top, _listed(file, root, top)) for top in tops]
    for path, top, listed in _paired([item for item in lists if item[1]], by_top):
        own = by_top.get(path, [])
        tensors |= _in_order(own, listed) or _by_scope(top, path, listed, own)
    if not graph:
        stable = stable_paths(tensors).items()
        tensors = {path: tensors[old] for old, path in stable if old in tensors}
    if _TOP in root.groups and (listed := _listed(file, root, _TOP)):
        tensors[ROOT] = [(_role(name), dataset) for name, dataset in listed]
    return tensors


def weightless(file: File, root: Group) -> list[str]:
    """The layers that a legacy file lists without any tensor."""
    tops = file.texts(root, "layer_names") or []
    return [top for top in tops if not _listed(file, root, top)]


def _paired(
    lists: list[tuple[str, NamedTensors]], by_top: Mapping[str, Sequence[LayerDraft]]
) -> Iterator[tuple[str, str, NamedTensors]]:
    """Layer, name in the file, tensors: by name if the names are in order, else by order."""
    # Keras loads these files by order, and ignores names. Keras 3 allows no slash in names.
    names = [top.replace("/", "_") for top, _ in lists]
    order = {path: position for position, path in enumerate(by_top)}
    positions = [order.get(name, -1) for name in names]
    weighted = [path for path, own in by_top.items() if any(e.roles != [] for e in own)]
    if by_top and positions != sorted({*positions} - {-1}) and len(weighted) == len(names):
        names = weighted
    for name, (top, listed) in zip(names, lists, strict=True):
        yield name, top, listed


def _listed(file: File, root: Group, top: str) -> NamedTensors:
    """The tensors that the group of an outermost layer lists."""
    group = root.find(top)
    if group is None:
        raise file.refused(f"layer_names: {top[:80]}", "is no layer in the file")
    names = file.texts(group, "weight_names")
    if names is None and (group.groups or group.datasets):
        raise file.refused(top[:80], "contains tensors, and no list of their names")
    listed = []
    for name in names or []:
        above, _, last = name.rpartition("/")
        owner = group.find(above) if above else group
        dataset = owner.datasets.get(last) if owner else None
        if dataset is None:
            raise file.refused(f"{top}: {name[:80]}", "is no tensor of the layer")
        listed.append((name, dataset))
    return listed


def _in_order(entries: Sequence[LayerDraft], listed: NamedTensors) -> LayerTensors:
    """As Keras loads them: trainable tensors of all inner layers first, then the others."""
    if any(entry.roles is None for entry in entries):
        return {}
    shared = dict(_shared(entries))
    roles = [(e, role) for e in entries for role in e.roles or () if (e.path, role) not in shared]
    roles.sort(key=lambda item: not item[0].trainable or is_fixed(item[1], item[0].dtype))
    if len(roles) != len(listed):
        return {}
    datasets = {(e.path, r): d for (e, r), (_, d) in zip(roles, listed, strict=True)}
    datasets |= {inner: datasets[outer] for inner, outer in shared.items()}
    with_roles = (entry for entry in entries if entry.roles)
    return {e.path: [(role, datasets[e.path, role]) for role in e.roles or ()] for e in with_roles}


def _shared(entries: Sequence[LayerDraft]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Tensors of inner layers that the file contains once, as those of the layer around them."""
    for outer in entries:
        if outer.class_name == "SpectralNormalization" and outer.roles:
            role = outer.roles[0]
            inner = (e for e in entries if e.path.startswith(f"{outer.path}/"))
            owners = (e for e in inner if role in (e.roles or ()))
            yield from (((e.path, role), (outer.path, role)) for e in owners)


def _by_scope(
    top: str, above: str, listed: NamedTensors, entries: Sequence[LayerDraft]
) -> LayerTensors:
    """By the scopes in the names of tensors: `both_ways/forward_lstm/lstm_cell/kernel`."""
    scopes = [name.replace(top, above).split("/")[:-1] for name, _ in listed]
    # The scopes before the layer's own name are those of models around it.
    inner = [scope[scope.index(above) + 1 :] if above in scope else scope for scope in scopes]
    # TensorFlow 1 numbered a scope that was entered twice: `dense_1/kernel`, then `dense_1_1`.
    inner = [[] if re.fullmatch(re.escape(above) + r"_\d+", "/".join(s)) else s for s in inner]
    paths = _unnumbered("/".join(scope) for scope in inner)
    # A layer that the model around it names keeps its running number.
    weighted = (e.path.removeprefix(f"{above}/") for e in entries if e.roles != [])
    known = {stable: path for path, stable in _unnumbered(weighted).items()}
    tensors: LayerTensors = {}
    for (name, dataset), scope in zip(listed, inner, strict=True):
        stable = paths["/".join(scope)]
        path = f"{above}/{known.get(stable, stable)}" if scope else above
        tensors.setdefault(path, []).append((_role(name), dataset))
    return _with_shared(tensors)


def _unnumbered(paths: Iterable[str]) -> dict[str, str]:
    return {"": "", **stable_paths(filter(None, paths))}


def _with_shared(tensors: LayerTensors) -> LayerTensors:
    """The tensors, with the kernel that SpectralNormalization shares with its layer in both."""
    # Only it has this tensor, and the kernel, which the file contains once.
    outer = {path for path, own in tensors.items() if [role for role, _ in own] == ["vector_u"]}
    completed: LayerTensors = {}
    for path, own in tensors.items():
        for above in outer & {path[:end] for end, letter in enumerate(path) if letter == "/"}:
            completed[above] = [own[0], *tensors[above]]  # before its layer, as in a model
            outer = outer - {above}
        completed.setdefault(path, own)
    return completed


def _role(name: str) -> str | None:
    return name.rpartition("/")[2].partition(":")[0] or None
