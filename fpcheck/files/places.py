"""Which tensor of a weight file belongs where: the two ways in which Keras lays weights out.

Keras 3 gives every layer a group, named by class or attribute, and numbers its tensors. The legacy
format gives every outermost layer a group, and lists its tensors: trainable ones first.
"""

import re
from collections.abc import Iterator, Sequence

from fpcheck.files.builtin import FIXED
from fpcheck.files.configuration import Entry
from fpcheck.files.dataset import Dataset, Group
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.structure import ROOT, stable_names, stable_paths

# A layer's path to its tensors in order; a role where the file tells one.
Tensors = list[tuple[str | None, Dataset]]
Held = dict[str, Tensors]
_VARS = "vars"
# Weights of a vocabulary's words: derived state, beside the vocabulary.
IDF = "idf_weights"
# State of training and of randomness, which is no weight.
_PASSING = frozenset(
    {"optimizer", "metrics", "_metrics", "compile_metrics", "_compile_metrics", "loss_tracker",
     "_loss_tracker", "seed_generator", "_seed_generators", "_random_generator"}
)  # fmt: skip
# Outside the outermost layers, in the legacy format.
_TOP = "top_level_model_weights"


def by_store(file: File, entries: Sequence[Entry]) -> Held:
    """The tensors of a Keras 3 weight file whose architecture is known."""
    _check_places(file, file.root)
    held: Held = {}
    for entry in entries:
        group = file.root.find(entry.store) if entry.store else None
        if group is None:
            continue
        held[entry.path] = _numbered(group)
        if entry.roles is None:
            held |= _below(file, group, entry.path)
    return held


def by_group(file: File) -> Held:
    """The tensors of a Keras 3 weight file, by the names of layers in it."""
    _check_places(file, file.root)
    held = _below(file, file.root, "")
    own = _numbered(file.root)
    return {ROOT: own, **held} if own else held


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


def _below(file: File, parent: Group, path: str) -> Held:
    inside = [
        (name, group) for name, group in _saveables(file, parent)
        if not name.startswith("seed_generator")
    ]  # fmt: skip
    names = [name for name, _ in inside]
    # A functional model names its layers itself; elsewhere the names are running numbers.
    named = not path and "layers" in parent.groups and len({*names}) == len(names)
    shown = names if named else stable_names(names)
    held: Held = {}
    for name, (_, group) in zip(shown, inside, strict=True):
        own = f"{path}/{name}" if path else name
        tensors = [tensor for tensor in _numbered(group) if tensor[0] != IDF]
        if tensors:
            held[own] = tensors
        held |= _below(file, group, own)
    return held


def _saveables(file: File, parent: Group) -> Iterator[tuple[str, Group]]:
    """The layers directly inside, those in lists too, each with its name."""
    for name, group in parent.groups.items():
        if name in _PASSING or name == _VARS:
            continue
        if _VARS in group.groups:
            yield file.text(group.groups[_VARS], "name") or name, group
        else:
            yield from _saveables(file, group)


def _numbered(group: Group) -> Tensors:
    own = group.groups.get(_VARS)
    if own is None:
        return []
    # Custom layers may call their tensors as they like; lookups keep the weights of words.
    keys = sorted(own.datasets, key=lambda key: (0, int(key)) if key.isdecimal() else (1, 0))
    return [(key if key == IDF else None, own.datasets[key]) for key in keys]


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
    for top in tops:
        listed = _listed(file, root, top)
        own = [e for e in entries if e.path == top or e.path.startswith(f"{top}/")]
        held |= _in_order(own, listed) or _by_scope(top, listed)
    if not graph:
        held = {path: held[old] for old, path in stable_paths(held).items() if old in held}
    if _TOP in root.groups and (listed := _listed(file, root, _TOP)):
        held[ROOT] = [(_role(name), dataset) for name, dataset in listed]
    return held


def _listed(file: File, root: Group, top: str) -> list[tuple[str, Dataset]]:
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


def _in_order(entries: Sequence[Entry], listed: list[tuple[str, Dataset]]) -> Held:
    """As Keras loads them: trainable tensors of all inner layers first, then the others."""
    if any(entry.roles is None for entry in entries):
        return {}
    expected = [(e, place, role) for e in entries for place, role in enumerate(e.roles or ())]
    expected.sort(key=lambda item: not item[0].trainable or item[2] in FIXED)
    if len(expected) != len(listed) or not _fits(expected, listed):
        return {}
    rows = sorted(
        ((e.path, place, role, dataset)
         for (e, place, role), (_, dataset) in zip(expected, listed, strict=True)),
        key=lambda row: row[:2],
    )  # fmt: skip
    held: Held = {}
    for path, _, role, dataset in rows:
        held.setdefault(path, []).append((role, dataset))
    return held


def _fits(expected: list[tuple[Entry, int, str]], listed: list[tuple[str, Dataset]]) -> bool:
    """Whether names, where they tell roles at all, tell those that are expected."""
    told = [_role(name) for name, _ in listed]
    roles = [role for _, _, role in expected]
    return told == roles or not set(told) <= set(roles)


def _by_scope(top: str, listed: list[tuple[str, Dataset]]) -> Held:
    """By the scopes in the names of tensors: `both_ways/forward_lstm/lstm_cell/kernel`."""
    scopes = [name.split("/")[:-1] for name, _ in listed]
    # What stands before the layer's own name are scopes of models around it.
    inner = [scope[scope.index(top) + 1 :] if top in scope else scope for scope in scopes]
    # TensorFlow 1 numbered a scope that was entered twice: `dense_1/kernel`, then `dense_1_1`.
    inner = [[] if re.fullmatch(re.escape(top) + r"_\d+", "/".join(s)) else s for s in inner]
    stable = stable_paths("/".join(scope) for scope in inner if scope)
    held: Held = {}
    for (name, dataset), scope in zip(listed, inner, strict=True):
        path = "/".join([top, stable["/".join(scope)]]) if scope else top
        held.setdefault(path, []).append((_role(name), dataset))
    return held


def _role(name: str) -> str | None:
    return name.rpartition("/")[2].partition(":")[0] or None
