"""A structure and its tensors, from a model's configuration and the tensors of a weight file."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.files import limits
from fpcheck.files.dataset import Dataset
from fpcheck.fingerprint.derived import State, asset, tensors_of
from fpcheck.fingerprint.structure import (
    ASPECTS,
    COUNTER,
    GRAPH,
    INNER_LAYERS,
    INPUTS,
    OUTPUT_SHAPES,
    ROOT,
    SHARD,
    Layer,
    Structure,
    Tensor,
    numbered_role,
)
from fpcheck.formats.derived_state import derived_state
from fpcheck.formats.tensor_groups import IDF, LayerTensors, Tensors
from fpcheck.keras_config.builtin_layers import is_fixed
from fpcheck.keras_config.draft import Draft, LayerDraft
from fpcheck.keras_config.vocabularies import LOOKUPS


@dataclass(frozen=True)
class Derived:
    """Values in memory, for state that a weight file does not contain as a tensor."""

    values: Array
    dtype: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return tuple(self.values.shape)


Stored = Dataset | Derived


class Assets(Protocol):
    """The files that an archive contains besides configuration and weights."""

    def vocabulary(self, group: str) -> list[str] | None:
        """The vocabulary of the lookup layer with a group, line by line; None if there is none."""

    def others(self, lookups: Collection[str]) -> list[tuple[str, bytes]]:
        """Names and bytes of the files of custom classes, without those of lookups."""


class NoAssets:
    """The assets of a format that has none."""

    def vocabulary(self, group: str) -> list[str] | None:
        """See `Assets`."""
        return None

    def others(self, lookups: Collection[str]) -> list[tuple[str, bytes]]:
        """See `Assets`."""
        return []


@dataclass(frozen=True)
class Assembled:
    """A structure, and the values of its tensors.

    Attributes:
        structure: the structure.
        stored: one for each of `structure.tensors`, in order.
    """

    structure: Structure
    stored: list[Stored]


@dataclass
class _Layers:
    """Layers with the values of their tensors, one by one."""

    layers: list[Layer] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)

    def add(self, layer: Layer, stored: Collection[Stored], state: State) -> None:
        """Add a layer, the values of its tensors, and derived state after them."""
        tensors = (*layer.tensors, *tensors_of(state, len(layer.tensors)))
        self.layers.append(replace(layer, tensors=tensors))
        self.stored += [*stored, *(Derived(values, dtype) for _, values, dtype in state)]

    def add_unknown(self, path: str, tensors: Tensors) -> None:
        """Add a layer of which only the path and the tensors are known."""
        self.add(_unknown(path, tensors), [dataset for _, dataset in tensors], [])


def assemble(
    draft: Draft, tensors: LayerTensors, not_stored: set[str], assets: Assets
) -> Assembled:
    """A model with an architecture.

    Args:
        draft: the architecture.
        tensors: of each layer; those of an unknown layer belong inside a custom one.
        not_stored: what else the format does not store.
        assets: what the format stores besides configuration and weights.
    """
    rest = dict(tensors)
    known = {entry.path for entry in draft.entries}
    model = _Layers()
    lookups = {e.group for e in draft.entries if e.class_name in LOOKUPS and not e.custom}
    saved = [asset(name, data) for name, data in assets.others(lookups)]
    if ROOT in rest or draft.config or saved:
        own = rest.pop(ROOT, [])
        root = replace(_unknown(ROOT, own), config=draft.config)
        model.add(root, [dataset for _, dataset in own], saved)
    for entry in draft.entries:
        own = rest.pop(entry.path, [])
        lines = partial(assets.vocabulary, entry.group)
        state, missing = derived_state(entry, own, lines)
        if entry.class_name in LOOKUPS:
            own = [item for item in own if item[0] != IDF]
        weights, stored = _weights(entry, own)
        layer = replace(_layer(entry, weights), not_stored=missing, external_files=_outside(entry))
        model.add(layer, stored, state)
        below = f"{entry.path}/"
        for path in [p for p in rest if entry.custom and p.startswith(below) and p not in known]:
            model.add_unknown(path, rest.pop(path))
    for path, own in rest.items():
        model.add_unknown(path, own)
    not_stored = {OUTPUT_SHAPES, *not_stored}
    if any(layer.custom for layer in model.layers) or draft.custom:
        not_stored.add(INNER_LAYERS)
    if not draft.graph:
        not_stored |= {INPUTS, GRAPH}
    structure = Structure(
        class_name=draft.class_name,
        inputs=draft.inputs,
        outputs=draft.outputs,
        layers=tuple(model.layers),
        custom=draft.custom,
        not_stored=tuple(sorted(not_stored)),
    )
    return Assembled(structure, model.stored)


def weights_only(tensors: LayerTensors, groups: dict[str, str], shard: bool = False) -> Assembled:
    """The tensors of a file without an architecture; `groups` has the group of each layer."""
    not_stored = tuple(sorted({*ASPECTS} - {GRAPH} | ({SHARD} if shard else set())))
    structure = Structure("", (), (), layers_of(tensors, groups), False, not_stored)
    return Assembled(structure, [dataset for own in tensors.values() for _, dataset in own])


def layers_of(tensors: LayerTensors, groups: dict[str, str]) -> tuple[Layer, ...]:
    """The layers of a file without an architecture; `config` has the group of each layer."""
    configs = {path: {"store": group} for path, group in groups.items()}
    return tuple(
        replace(_unknown(path, own), config=configs.get(path)) for path, own in tensors.items()
    )


def _outside(entry: LayerDraft) -> tuple[str, ...]:
    """The file from which a lookup reads its vocabulary when it is loaded."""
    source = entry.raw.get("vocabulary") if entry.class_name in LOOKUPS else None
    return (source,) if isinstance(source, str) else ()


def _unknown(path: str, tensors: Tensors) -> Layer:
    """A layer of which only the path and the tensors are known."""
    own = tuple(
        Tensor(role or numbered_role(index), index, dataset.shape, dataset.dtype, None)
        for index, (role, dataset) in enumerate(tensors)
    )
    return Layer(path, "", True, "", None, {}, None, own)


def _weights(entry: LayerDraft, in_file: Tensors) -> tuple[list[Tensor], list[Stored]]:
    """The tensors of a layer that weight files contain, and their values."""
    parts = _with_adapters(entry, in_file)
    known = entry.roles if entry.roles is not None and len(entry.roles) == len(parts) else None
    if known and {role for role, _ in parts} == set(known):
        parts = sorted(parts, key=lambda item: known.index(item[0] or ""))
    # If some tensors are missing, the numbers in the file show the roles of the others.
    by_number = {numbered_role(number): role for number, role in enumerate(entry.roles or ())}
    tensors: list[Tensor] = []
    stored: list[Stored] = []
    for index, (role_in_file, values) in enumerate(parts):
        if known:
            role = known[index]
        else:
            role = by_number.get(role_in_file or "", role_in_file or numbered_role(index))
        trainable = not is_fixed(role, entry.dtype) if known else None
        if isinstance(values, Dataset) and _is_counter(entry, role, values):
            values = Derived(values.values().astype(np.int64), "int64")
        tensors.append(Tensor(role, index, values.shape, values.dtype, trainable))
        stored.append(values)
    return tensors, stored


def _with_adapters(entry: LayerDraft, in_file: Tensors) -> list[tuple[str | None, Stored]]:
    """The tensors with low-rank adapters, which legacy files store separately, in the kernel.

    As Keras does: kernel + alpha / rank * (a @ b), in float32 (https://arxiv.org/abs/2106.09685,
    section 4.1).
    """
    parts: list[tuple[str | None, Stored]] = [*in_file]
    rank = entry.raw.get("lora_rank")
    alpha = entry.raw.get("lora_alpha") or rank
    if not isinstance(rank, int) or not rank or not isinstance(alpha, int | float):
        return parts
    by_role = dict(in_file)
    for role in ("kernel", "embeddings"):
        names = (role, f"lora_{role}_a", f"lora_{role}_b")
        if not by_role.keys() >= {*names}:
            continue
        whole, down, up = (by_role[name] for name in names)
        fits = (*down.shape[:-1], *up.shape[1:]) == whole.shape and down.shape[-1:] == up.shape[:1]
        if not fits or {whole.dtype, down.dtype, up.dtype, entry.dtype} != {"float32"}:
            continue
        kernel, low, high = (part.values(limits.ADAPTED_BYTES) for part in (whole, down, up))
        merged = Derived(kernel + np.float32(alpha / rank) * (low @ high), whole.dtype)
        parts = [(r, merged if r == role else part) for r, part in in_file if r not in names[1:]]
    return parts


def _is_counter(entry: LayerDraft, role: str, values: Dataset) -> bool:
    return (entry.class_name, role, values.dtype, values.shape) == (*COUNTER, "int32", ())


def _layer(entry: LayerDraft, weights: list[Tensor]) -> Layer:
    training = entry.training
    if entry.config is not None and weights:
        training = {**training, "trainable": entry.trainable}
    return Layer(
        path=entry.path,
        class_name=entry.class_name,
        custom=entry.custom,
        dtype=entry.dtype,
        config=entry.config,
        training=training,
        calls=entry.calls,
        tensors=tuple(weights),
    )


def with_empty_tensors(assembled: Assembled, draft: Draft) -> Assembled:
    """An architecture without values, with the tensors that the classes of its layers make.

    The shapes of these tensors are unknown, so they are empty.
    """
    entries = {entry.path: entry for entry in draft.entries if entry.roles}
    nothing = Derived(np.zeros(0, np.float32), "float32")
    layers: list[Layer] = []
    stored: list[Stored] = []
    state = iter(assembled.stored)
    for layer in assembled.structure.layers:
        entry = entries.get(layer.path)
        roles = entry.roles or [] if entry is not None else []
        own = [
            Tensor(role, index, (0,), layer.dtype, not is_fixed(role, layer.dtype))
            for index, role in enumerate(roles)
        ]
        training = layer.training
        if entry is not None and layer.config is not None:
            training = {**training, "trainable": entry.trainable}
        moved = [replace(t, index=t.index + len(own)) for t in layer.tensors]
        layers.append(replace(layer, tensors=(*own, *moved), training=training))
        stored += [nothing] * len(own) + [next(state) for _ in moved]
    return Assembled(replace(assembled.structure, layers=tuple(layers)), stored)
