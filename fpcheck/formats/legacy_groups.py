"""Which layer each tensor of a legacy weight file belongs to.

The legacy format gives every outermost layer a group, and lists its tensors: trainable ones first.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from fpcheck.files.dataset import Dataset, Group
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.structure import ROOT, stable_paths
from fpcheck.formats.tensor_groups import Held
from fpcheck.keras_config.builtin_layers import is_fixed
from fpcheck.keras_config.model_config import Entry

# Tensors by their full names in a legacy file.
NamedTensors = list[tuple[str, Dataset]]
# Only SpectralNormalization has this tensor, beside one that legacy files contain once.
_LIMITED = "vector_u"
# The group of tensors that belong to no outermost layer.
_TOP = "top_level_model_weights"


def by_list(file: File, root: Group, entries: Sequence[Entry], graph: bool = True) -> Held:
    """The tensors of a legacy file by layer: by the names in the file if `entries` is empty.

    Args:
        file: the file.
        root: the group with all weights.
        entries: the architecture's layers, if it is known.
        graph: whether layers have their own names; else Keras numbers them.
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
    """Layers that a legacy file lists without any tensor."""
    tops = file.texts(root, "layer_names") or []
    return [top for top in tops if not _listed(file, root, top)]


def _paired(
    lists: list[tuple[str, NamedTensors]], entries: Sequence[Entry]
) -> Iterator[tuple[str, str, NamedTensors]]:
    """Layer, name in the file, tensors: by name where the names are in order, else by order.

    Keras loads these files by order and ignores the names.
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
    """In the order of Keras: trainable tensors of all inner layers first, then the others."""
    if any(entry.roles is None for entry in entries):
        return {}
    twice = dict(_twice(entries))
    own = [(e, role) for e in entries for role in e.roles or () if (e.path, role) not in twice]
    if len(own) != len(listed):
        return {}
    expected = [(e.path, role) for e, role in sorted(own, key=lambda item: _fixed(*item))]
    found = dict(zip(expected, (dataset for _, dataset in listed), strict=True))
    found |= {inner: found[outer] for inner, outer in twice.items()}
    return {e.path: [(role, found[e.path, role]) for role in e.roles] for e in entries if e.roles}


def _twice(entries: Sequence[Entry]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Tensors that a layer shares with the layer around it, under which the file has them."""
    for outer in entries:
        if outer.class_name == "SpectralNormalization" and outer.roles:
            role = outer.roles[0]
            inner = (e for e in entries if e.path.startswith(f"{outer.path}/"))
            yield from (
                ((e.path, role), (outer.path, role)) for e in inner if role in (e.roles or ())
            )


def _fixed(entry: Entry, role: str) -> bool:
    """Whether training leaves a tensor unchanged."""
    return not entry.trainable or is_fixed(role, entry.dtype)


def _by_scope(top: str, above: str, listed: NamedTensors, entries: Sequence[Entry]) -> Held:
    """By the scopes in the names of tensors: `both_ways/forward_lstm/lstm_cell/kernel`."""
    scopes = [name.replace(top, above).split("/")[:-1] for name, _ in listed]
    # The parts before the layer's own name are scopes of models around it.
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
    """With the tensor that SpectralNormalization shares with its inner layer in both."""
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
