"""The containers of Keras models, told apart by content: one function each."""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.files import limits, strict_json
from fpcheck.files.archive import Archive
from fpcheck.files.dataset import Group
from fpcheck.files.hdf5 import File
from fpcheck.files.refusals import GIVE, refused
from fpcheck.files.region import Region
from fpcheck.fingerprint.structure import ASSET, ASSETS, MASKS, Layer
from fpcheck.formats import assembly, legacy_tensors, other_files, tensor_groups
from fpcheck.formats.assembly import Assembled, NoAssets
from fpcheck.formats.file_head import ARCHITECTURE, HDF5, LIST, OBJECT, ZIP
from fpcheck.keras_config import builtin_layers, keras2_config
from fpcheck.keras_config.layer_config import Config, spelled
from fpcheck.keras_config.model_config import draft, unlike_keras

_CONFIG, _WEIGHTS, _METADATA = "config.json", "model.weights.h5", "metadata.json"
_INDEX = "Give the .weights.json file that Keras wrote beside its shards."
# Opens a file beside the model file, by name.
Sibling = Callable[[str], Region]
# How Keras numbers shards beside `NAME.weights.json`.
_SHARD = re.compile(r"(.+)_\d{5}\.weights\.h5")


@dataclass
class Opened:
    """An opened model file.

    Attributes:
        format: the name of its container.
        assembled: its structure and tensors.
        notes: what a person should know.
        check: a further check of the whole file, to be run beside the measuring.
        bare: of a file of weights alone, layers that it names and of which it holds no tensor.
        root: of the HDF5 file with the weights, which may hold more than the model.
    """

    format: str
    assembled: Assembled
    notes: list[str] = field(default_factory=list)
    check: Callable[[], None] = lambda: None
    bare: tuple[Layer, ...] = ()
    root: Group | None = None


def open_model(region: Region, label: str, sibling: Sibling) -> Opened:
    """Open a model file of any container, without reading its tensors.

    Args:
        region: its bytes.
        label: how messages name it.
        sibling: opens the other files of a model in several.

    Raises:
        FpcheckError: damaged, refused, or no model.
    """
    head = region.read(0, len(HDF5))
    if head.startswith(ZIP):
        return _keras(Archive(region, label), label)
    if head.startswith((OBJECT, LIST)):
        return _sharded(region, label, sibling)
    other_files.check_hdf5(region, label)
    file = File(region, label)
    if file.text(file.root, "model_config") is not None:
        return _legacy(file, label)
    if file.texts(file.root, "layer_names") is not None:
        held = legacy_tensors.legacy(file, file.root, ())
        without = assembly.layers_of(
            {top: [] for top in legacy_tensors.weightless(file, file.root)}, {}
        )
        return replace(_plain(file, "keras-h5-weights", held), bare=without)
    if not {"layers", "vars"} & file.root.groups.keys() and not tensor_groups.by_group(file)[0]:
        raise FpcheckError(f"{label}: an HDF5 file without weights of Keras", GIVE)
    return _plain(file, "weights-h5", *tensor_groups.by_group(file), _is_shard(file, sibling))


def _keras(archive: Archive, label: str) -> Opened:
    for name in (_CONFIG, _WEIGHTS):
        if name not in archive.members:
            torch = any(member.endswith("data.pkl") for member in archive.members)
            other = "a PyTorch archive" if torch else "a zip archive"
            without = f"{other} without {name}, so no .keras model"
            raise other_files.zip_error(archive.members, label, without)
    config = strict_json.load(archive.read(_CONFIG, limits.CONFIG_BYTES), f"{label}: {_CONFIG}")
    old = _of_keras2(archive, label)
    written, notes = _mended(config, config, label) if old else (config, [])
    model = draft(written, label)
    file = File(archive.open(_WEIGHTS), f"{label}: {_WEIGHTS}")
    held = (
        tensor_groups.by_store(file, model.entries, model.custom)
        if model.graph
        else tensor_groups.by_group(file)[0]
    )
    assembled = _assembled(label,
        model, held, {MASKS} if old else set(), _Assets(archive)
    )  # fmt: skip
    notes += _strays(file.root, held)
    return Opened("keras", assembled, notes, lambda: archive.verify(_WEIGHTS), root=file.root)


def _strays(root: Group, held: tensor_groups.LayerTensors) -> list[str]:
    """What a file holds, and what is compared with nothing: no layer of the model has it."""
    names = tensor_groups.strays(root, held)
    shown = ", ".join(name[:80] for name in names[:3]) + (", ..." if len(names) > 3 else "")
    few = "a tensor" if len(names) == 1 else f"{len(names):,} tensors"
    return [f"not compared: {few} of no layer ({shown})"] if names else []


def _assembled(label: str, *parts: Any) -> Assembled:
    try:
        return assembly.assemble(*parts)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise unlike_keras(label, error) from error


def _of_keras2(archive: Archive, label: str) -> bool:
    if _METADATA not in archive.members:
        return False
    where = f"{label}: {_METADATA}"
    metadata = strict_json.load(archive.read(_METADATA, limits.MIB), where)
    return keras2_config.wrote_keras2(metadata.get("keras_version"))


class _Assets:
    """The members of an archive below `assets/`."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def vocabulary(self, store: str) -> list[str] | None:
        """See `assembly.Assets`."""
        for inner in ("/_lookup_layer", ""):  # as Keras loads them: the inner one last, so it holds
            name = f"{ASSET}{store}{inner}/vocabulary.txt"
            if name in self._archive.members:
                lines = self._read(name).decode(errors="replace").split("\n")
                while lines and lines[-1] == "":
                    lines.pop()
                return lines
        return None

    def others(self, lookups: Collection[str]) -> list[tuple[str, bytes]]:
        """See `assembly.Assets`."""
        own = tuple(f"{ASSET}{store}/" for store in lookups)
        names = (name for name in sorted(self._archive.members) if name.startswith(ASSET))
        kept = (name for name in names if not name.startswith(own) and not name.endswith("/"))
        return [(name.removeprefix(ASSET), self._read(name)) for name in kept]

    def _read(self, name: str) -> bytes:
        return self._archive.read(name, limits.VOCABULARY_BYTES)


def _legacy(file: File, label: str) -> Opened:
    text = file.text(file.root, "model_config") or ""
    group = file.root.groups.get("model_weights")
    if group is None:
        raise FpcheckError(
            f"{label}: has a model_config but no model_weights", "Save it again with Keras."
        )
    where = f"{label}: model_config"
    version, backend = (
        file.text(group, name) or file.text(file.root, name) or "None"
        for name in ("keras_version", "backend")
    )
    try:
        old = keras2_config.is_keras2(version, backend, text)
    except ValueError as error:
        raise FpcheckError(f"{label}: {error}", "Load and save it with a newer Keras 2.") from error
    config = strict_json.load(text.encode(), where, keras2_config.unwrapped if old else spelled)
    notes: list[str] = []
    if old:
        config, notes = _mended(config, json.loads(text), label)
    model = draft(config, label)
    held = legacy_tensors.legacy(file, group, model.entries, model.graph)
    untold = {MASKS, ASSETS} if old else {ASSETS}
    assembled = _assembled(label, model, held, untold, NoAssets())
    return Opened("keras-h5", assembled, [*notes, *_strays(group, held)], root=file.root)


def _mended(config: Config, raw: Config, label: str) -> tuple[Config, list[str]]:
    """A configuration of Keras 2 in the spelling of Keras 3, and what to know of the file.

    Args:
        config: as it is to be mended.
        raw: as the file has it.
        label: how messages name the file.
    """
    rewriter = keras2_config.Rewriter(
        lambda kind: not builtin_layers.is_layer(builtin_layers.proper(kind))
    )
    try:
        return rewriter.layer(config), keras2_config.notes(raw, rewriter)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise FpcheckError(
            f"{label}: {str(error)[:200] or type(error).__name__}",
            "Load it with the Keras that wrote it, and save it anew.",
        ) from error


def _plain(
    file: File, kind: str, held: tensor_groups.LayerTensors, stores: dict[str, str] | None = None,
    shard: bool = False,
) -> Opened:  # fmt: skip
    stores = stores or {}
    without = assembly.layers_of({path: [] for path in stores if path not in held}, stores)
    assembled = assembly.weights_only(held, stores, shard)
    return Opened(kind, assembled, _strays(file.root, held), bare=without, root=file.root)


def _sharded(region: Region, label: str, sibling: Sibling) -> Opened:
    """Weights in several files: each holds some of the groups, named as if in one file."""
    text = region.read(0, limits.CONFIG_BYTES + 1)
    if text.startswith(LIST):
        listed = strict_json.document(text, label)
        raise other_files.json_error(listed, label, "a JSON list, so no index of weights", _INDEX)
    index = strict_json.load(text, label)
    if {"class_name", "config"} <= index.keys():
        return _architecture(index, label)
    if index == {"metadata": {"total_size": 0}, "weight_map": {}}:  # of a model without weights
        return Opened("weights-json", assembly.weights_only({}, {}))
    places_of = _weight_map(index, label)
    if not 0 < len(places_of) <= limits.SHARDS:
        many = f"{len(places_of):,} shards, of 1 to {limits.SHARDS:,} allowed"
        raise refused(label, many, "Save it anew with Keras.")
    shards = [File(sibling(name), name) for name in sorted(places_of)]
    for shard in shards:
        _check_map(shard, places_of[shard.label], label)
    first, *others = shards
    for other in others:
        first.root.merge(other.root)
    return _plain(first, "weights-json", *tensor_groups.by_group(first))


def _architecture(config: Config, label: str) -> Opened:
    """What `Model.to_json` writes."""
    notes: list[str] = []
    old = keras2_config.wrote_keras2(config.get("keras_version"))
    if old:
        unwrapped = strict_json.load(json.dumps(config).encode(), label, keras2_config.unwrapped)
        config, notes = _mended(unwrapped, config, label)
    model = draft(config, label)
    found = _assembled(label, model, {}, {MASKS, ASSETS} if old else {ASSETS}, NoAssets())
    return Opened(ARCHITECTURE, assembly.with_empty_tensors(found, model), notes)


def _weight_map(index: dict[str, Any], label: str) -> dict[str, set[str]]:
    """By the name of a shard, the places of what it holds."""
    listed = index.get("weight_map")
    if not isinstance(listed, dict) or not listed:
        without = "JSON without a weight_map, so no index of weights"
        raise other_files.json_error(index, label, without, _INDEX)
    places_of: dict[str, set[str]] = {}
    for place, value in listed.items():
        for name in value if isinstance(value, list) else [value]:
            places_of.setdefault(_shard_name(name, label), set()).add(str(place).strip("/"))
    return places_of


def _is_shard(file: File, sibling: Sibling) -> bool:
    """Whether the index beside a file names it as one of several, as Keras numbers them.

    Raises:
        FpcheckError: the index says that it holds something else.
    """
    name = Path(file.label).name
    numbered = _SHARD.fullmatch(name)
    if numbered is None:
        return False
    label = f"{numbered[1]}.weights.json"
    try:
        index = sibling(label)
    except FpcheckError:  # there is none: then only what it holds can tell
        return False
    listed = _weight_map(strict_json.load(index.read(0, limits.CONFIG_BYTES + 1), label), label)
    if len(listed) < 2 or name not in listed:
        return False
    _check_map(file, listed[name], label)
    return True


def _shard_name(name: object, label: str) -> str:
    if not isinstance(name, str) or name in ("", ".", "..") or set(name) & {"/", "\\", "\0"}:
        what = f"{str(name)[:80]!r} is no name of a shard beside it"
        raise refused(label, what, "Shards must lie beside their index.")
    return name


def _check_map(file: File, listed: set[str], label: str) -> None:
    """The index and a shard must name the same places."""
    held, stack = set(), [file.root]
    while stack:
        group = stack.pop()
        stack += group.groups.values()
        held |= {group.name} if group.datasets else set()
    for place in sorted(listed ^ held):
        what = (
            f"is not in {file.label}, as its weight_map says"
            if place in listed
            else f"is in {file.label}, and its weight_map does not say so"
        )
        anew = "Save it anew with Keras, all files together."
        raise refused(label, f"{place[:80] or '/'} {what}", anew)
