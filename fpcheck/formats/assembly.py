"""A structure and its tensors, from a model's configuration and the tensors of a weight file."""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.files import limits
from fpcheck.files.archive import Archive
from fpcheck.files.dataset import Dataset
from fpcheck.fingerprint.canonical import Config
from fpcheck.fingerprint.derived import State, tensors_of
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
from fpcheck.formats.derived_state import LOOKUPS, custom_assets, derived_state
from fpcheck.formats.tensor_groups import IDF, LayerTensors, Tensors
from fpcheck.keras_config.builtin_layers import is_fixed
from fpcheck.keras_config.layer_config import Draft, LayerDraft
from fpcheck.keras_config.model_config import as_keras_writes


@dataclass(frozen=True)
class Derived:
    """Values in memory, for state that a weight file does not contain as a tensor."""

    values: Array
    dtype: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return tuple(self.values.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes its values have."""
        return int(self.values.nbytes)


Stored = Dataset | Derived


@dataclass(frozen=True)
class Assembled:
    """A structure, and the values of each of its `tensors`, in order."""

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

    def add_unknown(
        self, path: str, tensors: Tensors, config: Config | None = None, state: State | None = None
    ) -> None:
        """Add a layer of which only these are known."""
        self.add(_unknown(path, tensors, config), [held for _, held in tensors], state or [])

    def add_known(
        self, entry: LayerDraft, tensors: Tensors | None, archive: Archive | None
    ) -> None:
        """Add a layer of the architecture; without tensors if the file contains no values."""
        state, missing = derived_state(entry, tensors or [], archive)
        weights, stored = _empty(entry) if tensors is None else _weights(entry, tensors)
        trains = entry.config is not None and weights
        # The file from which a lookup reads its vocabulary when it is loaded.
        outside = entry.raw.get("vocabulary") if entry.class_name in LOOKUPS else None
        layer = Layer(
            path=entry.path,
            class_name=entry.class_name,
            custom=entry.custom,
            dtype=entry.dtype,
            config=entry.config,
            training={**entry.training, "trainable": entry.trainable} if trains else entry.training,
            calls=entry.calls,
            tensors=tuple(weights),
            not_stored=missing,
            external_files=(outside,) if isinstance(outside, str) else (),
        )
        self.add(layer, stored, state)


def assemble(
    label: str,
    draft: Draft,
    tensors: LayerTensors | None,
    not_stored: set[str],
    archive: Archive | None = None,
) -> Assembled:
    """A model with an architecture.

    Args:
        label: of the file.
        draft: the architecture.
        tensors: of each layer; those of an unknown layer belong inside a custom one. None if the
            file contains no values: then a layer has the tensors that its class makes, empty since
            their shapes are unknown.
        not_stored: what else the format does not store.
        archive: the archive that the file is, with assets.
    """
    with as_keras_writes(label):
        model = _filled(draft, tensors, archive)
    lacking = {OUTPUT_SHAPES, *not_stored, *(() if draft.graph else (INPUTS, GRAPH))}
    if draft.custom or any(layer.custom for layer in model.layers):
        lacking.add(INNER_LAYERS)
    layers, lacks = tuple(model.layers), tuple(sorted(lacking))
    structure = Structure(
        draft.class_name, draft.inputs, draft.outputs, layers, draft.custom, not_stored=lacks
    )
    return Assembled(structure, model.stored)


def _filled(draft: Draft, tensors: LayerTensors | None, archive: Archive | None) -> _Layers:
    rest = dict(tensors or {})
    known = {entry.path for entry in draft.entries}
    model = _Layers()
    saved = custom_assets(archive, draft.entries)
    if ROOT in rest or draft.config or saved:
        model.add_unknown(ROOT, rest.pop(ROOT, []), draft.config, saved)
    for entry in draft.entries:
        model.add_known(entry, None if tensors is None else rest.pop(entry.path, []), archive)
        below = f"{entry.path}/"
        for path in [p for p in rest if entry.custom and p.startswith(below) and p not in known]:
            model.add_unknown(path, rest.pop(path))
    for path, own in rest.items():
        model.add_unknown(path, own)
    return model


def weights_only(tensors: LayerTensors, groups: dict[str, str], shard: bool = False) -> Assembled:
    """The tensors of a file without an architecture; `groups` has the group of each layer."""
    not_stored = tuple(sorted({*ASPECTS} - {GRAPH} | ({SHARD} if shard else set())))
    structure = Structure("", (), (), layers_of(tensors, groups), False, not_stored)
    return Assembled(structure, [dataset for own in tensors.values() for _, dataset in own])


def layers_of(tensors: LayerTensors, groups: dict[str, str]) -> tuple[Layer, ...]:
    """The layers of a file without an architecture; `config` has the group of each layer."""
    configs = {path: {"store": group} for path, group in groups.items()}
    return tuple(_unknown(path, own, configs.get(path)) for path, own in tensors.items())


def _unknown(path: str, tensors: Tensors, config: Config | None) -> Layer:
    own = tuple(
        Tensor(role or numbered_role(index), index, dataset.shape, dataset.dtype, None)
        for index, (role, dataset) in enumerate(tensors)
    )
    return Layer(path, "", True, "", config, {}, None, own)


def _weights(entry: LayerDraft, in_file: Tensors) -> tuple[list[Tensor], list[Stored]]:
    """The tensors of a layer that weight files contain, and their values."""
    parts = _with_adapters(entry, in_file)
    if entry.class_name in LOOKUPS:
        parts = [item for item in parts if item[0] != IDF]
    known = entry.roles if entry.roles and len(entry.roles) == len(parts) else None
    if known and {role for role, _ in parts} == {*known}:
        parts = sorted(parts, key=lambda item: known.index(item[0] or ""))
    # If some tensors are missing, the numbers in the file show the roles of the others.
    by_number = {numbered_role(number): role for number, role in enumerate(entry.roles or ())}
    roles = known or [
        by_number.get(role or "", role or numbered_role(index))
        for index, (role, _) in enumerate(parts)
    ]
    stored = [_counted(entry, role, held) for role, (_, held) in zip(roles, parts, strict=True)]
    tensors = [
        Tensor(role, i, v.shape, v.dtype, not is_fixed(role, entry.dtype) if known else None)
        for i, (role, v) in enumerate(zip(roles, stored, strict=True))
    ]
    return tensors, stored


def _empty(entry: LayerDraft) -> tuple[list[Tensor], list[Stored]]:
    tensors = [
        Tensor(role, index, (0,), entry.dtype, not is_fixed(role, entry.dtype))
        for index, role in enumerate(entry.roles or ())
    ]
    return tensors, [Derived(np.zeros(0, np.float32), "float32") for _ in tensors]


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


def _counted(entry: LayerDraft, role: str, held: Stored) -> Stored:
    """A tensor; that of a counter of Keras 2 as the int64 that it is in Keras 3."""
    if isinstance(held, Derived):
        return held
    if (entry.class_name, role, held.dtype, held.shape) != (*COUNTER, "int32", ()):
        return held
    return Derived(held.values().astype(np.int64), "int64")
