"""A structure and its tensors, from a configuration and the tensors of a weight file."""

from collections.abc import Collection
from dataclasses import dataclass
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
    USED,
    Layer,
    Structure,
    Tensor,
)
from fpcheck.formats.tensor_groups import IDF, Held, Tensors
from fpcheck.keras_config.builtin_layers import is_fixed
from fpcheck.keras_config.model_config import Draft, Entry
from fpcheck.keras_config.vocabularies import LOOKUPS, VOCABULARY, given_weights, vocabulary


@dataclass(frozen=True)
class Derived:
    """The values of state that a weight file does not contain as a tensor."""

    values: Array
    dtype: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return tuple(self.values.shape)


Stored = Dataset | Derived
_ADAPTED = ("kernel", "embeddings")
_STATISTICS = ("mean", "variance")


class Assets(Protocol):
    """The files of an archive beside configuration and weights."""

    def vocabulary(self, store: str) -> list[str] | None:
        """The words of the lookup layer in this group; None if the archive has none."""

    def others(self, lookups: Collection[str]) -> list[tuple[str, bytes]]:
        """The files that custom classes saved, by name, without those of these groups."""


class NoAssets:
    """The assets of a format that has none."""

    def vocabulary(self, store: str) -> list[str] | None:
        """See `Assets`."""
        return None

    def others(self, lookups: Collection[str]) -> list[tuple[str, bytes]]:
        """See `Assets`."""
        return []


@dataclass(frozen=True)
class Assembled:
    """A structure, and the place of each of its tensors.

    Attributes:
        structure: layers and what feeds what.
        stored: one for each of `structure.tensors`, in order.
    """

    structure: Structure
    stored: list[Stored]


def assemble(draft: Draft, held: Held, untold: set[str], assets: Assets) -> Assembled:
    """A model with an architecture.

    Args:
        draft: the architecture.
        held: tensors by the path of their layer; those of no known layer are inside custom ones.
        untold: what else the format does not store.
        assets: the files beside the configuration and the weights.
    """
    left = dict(held)
    known = {entry.path for entry in draft.entries}
    layers: list[Layer] = []
    stored: list[Stored] = []
    lookups = {e.store for e in draft.entries if e.class_name in LOOKUPS and not e.custom}
    saved = [asset(name, data) for name, data in assets.others(lookups)]
    if ROOT in left or draft.config or saved:
        own = left.pop(ROOT, [])
        root = replace(_unknown(ROOT, own), config=draft.config)
        layers.append(replace(root, tensors=(*root.tensors, *tensors_of(saved, len(own)))))
        stored += [*(dataset for _, dataset in own), *(Derived(v, d) for _, v, d in saved)]
    for entry in draft.entries:
        own = left.pop(entry.path, [])
        derived, lacking = _derived(entry, own, assets)
        if entry.class_name in LOOKUPS:
            own = [item for item in own if item[0] != IDF]
        tensors, found = _tensors(entry, own)
        tensors += tensors_of(derived, len(tensors))
        layers.append(replace(_layer(entry, tensors), untold=lacking, outside=_outside(entry)))
        stored += [*found, *(Derived(array, dtype) for _, array, dtype in derived)]
        below = f"{entry.path}/"
        for path in [p for p in left if entry.custom and p.startswith(below) and p not in known]:
            layers.append(_unknown(path, left[path]))
            stored += [dataset for _, dataset in left.pop(path)]
    for path, own in left.items():
        layers.append(_unknown(path, own))
        stored += [dataset for _, dataset in own]
    untold = {OUTPUT_SHAPES, *untold}
    if any(layer.custom for layer in layers) or draft.custom:
        untold.add(INNER_LAYERS)
    if not draft.graph:
        untold |= {INPUTS, GRAPH}
    facts = draft.class_name, draft.inputs, draft.outputs, tuple(layers), draft.custom
    return Assembled(Structure(*facts, tuple(sorted(untold))), stored)


def weights_only(held: Held, stores: dict[str, str], shard: bool = False) -> Assembled:
    """The tensors of a file without an architecture; `config` names the group of each layer."""
    layers = layers_of(held, stores)
    untold = tuple(sorted({*ASPECTS} - {GRAPH} | ({SHARD} if shard else set())))
    structure = Structure("", (), (), layers, False, untold)
    return Assembled(structure, [dataset for tensors in held.values() for _, dataset in tensors])


def layers_of(held: Held, stores: dict[str, str]) -> tuple[Layer, ...]:
    """Layers of a file without an architecture."""
    return tuple(
        replace(_unknown(path, tensors), config={"store": stores[path]} if path in stores else None)
        for path, tensors in held.items()
    )


def _outside(entry: Entry) -> tuple[str, ...]:
    """The file from which a lookup layer reads its words when Keras loads it."""
    given = entry.raw.get("vocabulary") if entry.class_name in LOOKUPS else None
    return (given,) if isinstance(given, str) else ()


def _unknown(path: str, tensors: Tensors) -> Layer:
    """A layer whose class is not known, only its path and its tensors."""
    held = tuple(
        Tensor(role or f"#{place}", place, dataset.shape, dataset.dtype, None)
        for place, (role, dataset) in enumerate(tensors)
    )
    return Layer(path, "", True, "", None, {}, None, held)


def _tensors(entry: Entry, held: Tensors) -> tuple[list[Tensor], list[Stored]]:
    parts = _merged(entry, held)
    known = entry.roles if entry.roles is not None and len(entry.roles) == len(parts) else None
    if known and {role for role, _ in parts} == set(known):
        parts = sorted(parts, key=lambda item: known.index(item[0] or ""))
    tensors: list[Tensor] = []
    stored: list[Stored] = []
    # Where some are missing, the number in the file still gives the role.
    numbered = {f"#{number}": role for number, role in enumerate(entry.roles or ())}
    for place, (told_role, own) in enumerate(parts):
        role = known[place] if known else told_role or f"#{place}"
        role = numbered.get(role, role) if told_role and not known else role
        trainable = not is_fixed(role, entry.dtype) if known else None
        if isinstance(own, Dataset) and _is_counter(entry, role, own):
            own = Derived(own.values().astype(np.int64), "int64")
        tensors.append(Tensor(role, place, own.shape, own.dtype, trainable))
        stored.append(own)
    return tensors, stored


def _merged(entry: Entry, held: Tensors) -> list[tuple[str | None, Stored]]:
    """The tensors, with low-rank adapters merged into the kernel; legacy files store them apart.

    kernel + alpha / rank * (a @ b), in float32: https://arxiv.org/abs/2106.09685, section 4.1.
    """
    parts: list[tuple[str | None, Stored]] = [*held]
    rank = entry.raw.get("lora_rank")
    alpha = entry.raw.get("lora_alpha") or rank
    for role in _ADAPTED:
        names = (role, f"lora_{role}_a", f"lora_{role}_b")
        whole, down, up = (dict(held).get(name) for name in names)
        if not (
            isinstance(whole, Dataset) and isinstance(down, Dataset) and isinstance(up, Dataset)
        ):
            continue
        fits = (*down.shape[:-1], *up.shape[1:]) == whole.shape and down.shape[-1:] == up.shape[:1]
        plain = {whole.dtype, down.dtype, up.dtype, entry.dtype} == {"float32"}
        if not (
            fits and plain and isinstance(rank, int) and rank and isinstance(alpha, int | float)
        ):
            continue
        kernel, low, high = (part.values(limits.ADAPTED_BYTES) for part in (whole, down, up))
        merged = Derived(kernel + np.float32(alpha / rank) * (low @ high), whole.dtype)
        parts = [(r, merged if r == role else part) for r, part in held if r not in names[1:]]
    return parts


def _is_counter(entry: Entry, role: str, held: Dataset) -> bool:
    return (entry.class_name, role, held.dtype, held.shape) == (*COUNTER, "int32", ())


def _layer(entry: Entry, tensors: list[Tensor]) -> Layer:
    training = entry.training
    if entry.config is not None and any(not t.derived for t in tensors):
        training = {**training, "trainable": entry.trainable}
    facts = entry.path, entry.class_name, entry.custom, entry.dtype, entry.config
    return Layer(*facts, training, entry.calls, tuple(tensors))


def _derived(entry: Entry, held: Tensors, assets: Assets) -> tuple[State, tuple[str, ...]]:
    """State that follows from configuration or weights, as a live layer has it.

    Returns:
        The state that the file gives, and the roles of the state that it does not give.
    """
    if entry.custom:  # it may be any of these, or contain one
        return [], (VOCABULARY, IDF, *(USED + role for role in _STATISTICS))
    if entry.class_name in LOOKUPS:
        return _words(entry, held, assets)
    if entry.class_name == "Normalization":
        return _statistics(entry, held)
    return [], ()


def _words(entry: Entry, held: Tensors, assets: Assets) -> tuple[State, tuple[str, ...]]:
    words = vocabulary(entry.class_name, entry.raw, lambda: assets.vocabulary(entry.store))
    weighs = entry.raw.get("output_mode") == "tf_idf"
    if words is None:
        return [], (VOCABULARY, *([IDF] if weighs else []))
    weights = [(IDF, dataset.values(), "float32") for role, dataset in held if role == IDF]
    if not weights and (given := given_weights(entry.class_name, entry.raw, words)) is not None:
        weights = [(IDF, given, "float32")]
    lacking = (IDF,) if weighs and not weights else ()
    dtype = "int64" if words.dtype.kind == "i" else "string"
    return [(VOCABULARY, words, dtype), *weights], lacking


def with_empty_tensors(found: Assembled, draft: Draft) -> Assembled:
    """An architecture without values, whose layers have the tensors that their classes make.

    The file does not store their shapes, so they are empty.
    """
    entries = {entry.path: entry for entry in draft.entries if entry.roles}
    nothing = Derived(np.zeros(0, np.float32), "float32")
    layers: list[Layer] = []
    stored: list[Stored] = []
    state = iter(found.stored)
    for layer in found.structure.layers:
        entry = entries.get(layer.path)
        roles = [] if entry is None or entry.roles is None else entry.roles
        dtype = layer.dtype
        own = [Tensor(r, i, (0,), dtype, not is_fixed(r, dtype)) for i, r in enumerate(roles)]
        training = layer.training
        if entry is not None and layer.config is not None:
            training = {**training, "trainable": entry.trainable}
        moved = [replace(t, index=t.index + len(own)) for t in layer.tensors]
        layers.append(replace(layer, tensors=(*own, *moved), training=training))
        stored += [nothing] * len(own) + [next(state) for _ in moved]
    return Assembled(replace(found.structure, layers=tuple(layers)), stored)


def _statistics(entry: Entry, held: Tensors) -> tuple[State, tuple[str, ...]]:
    told = {role: entry.raw.get(role) for role in _STATISTICS}
    given = {role: np.asarray(value) for role, value in told.items() if value is not None}
    if not given and len(held) >= 2:
        given = {role: data.values() for role, (_, data) in zip(_STATISTICS, held, strict=False)}
    if not given:  # the weights from which they follow are in another file
        return [], tuple(USED + role for role in _STATISTICS)
    if any(values.dtype.kind not in "fiuV" for values in given.values()):  # V: bfloat16
        raise TypeError(f"the {next(iter(given))} of {entry.path[:80]} is no number")
    if any(not values.ndim for values in given.values()):
        # Keras broadcasts it; the file need not store the shape. The configuration is compared.
        return [], tuple(USED + role for role in given)
    state = {USED + role: np.ravel(v).astype(np.float32) for role, v in given.items()}
    return [(role, values, "float32") for role, values in state.items()], ()
