"""`.keras`: a zip archive with configuration, weights and assets, as `Model.save` writes it."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from fpcheck.files import limits, strict_json
from fpcheck.files.archive import Archive
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.structure import ASSET, MASKS
from fpcheck.formats import tensor_groups
from fpcheck.formats.format import Sibling
from fpcheck.formats.opened import Opened, assembled, from_keras2, strays
from fpcheck.formats.raw_file import RawFile, raw_file
from fpcheck.keras_config.keras2_config import wrote_keras2
from fpcheck.keras_config.model_config import draft
from fpcheck.loading.keras2_models import load_old_archive
from fpcheck.loading.names import named

_CONFIG, _WEIGHTS, _METADATA = "config.json", "model.weights.h5", "metadata.json"
# Every archive of Keras has these.
MEMBERS = (_CONFIG, _WEIGHTS)


def recognises(file: RawFile) -> bool:
    """See `Code`."""
    return file.archive.members.keys() >= {*MEMBERS}


def read(file: RawFile, sibling: Sibling) -> Opened:
    """See `Code`."""
    archive, label = file.archive, file.label
    text = archive.read(_CONFIG, limits.CONFIG_BYTES)
    config, notes = strict_json.load(text, f"{label}: {_CONFIG}"), list[str]()
    old = _is_keras2(file)
    if old:
        config, notes = from_keras2(config, config, label)
    model = draft(config, label)
    inner = File(archive.open(_WEIGHTS), f"{label}: {_WEIGHTS}")
    held = (
        tensor_groups.by_store(inner, model.entries, model.custom)
        if model.graph
        else tensor_groups.by_group(inner)[0]
    )
    found = assembled(label, model, held, {MASKS} if old else set(), _Assets(archive))
    notes += strays(inner.root, held)
    return Opened(found, notes, lambda: archive.verify(_WEIGHTS), root=inner.root)


def load(path: Path, custom_objects: dict[str, object], safe_mode: bool) -> Any:
    """See `Code`."""
    import keras

    with raw_file(path, str(path)) as file:
        old = _is_keras2(file)
    if old:
        return load_old_archive(path, custom_objects, safe_mode)
    with named(path, ".keras") as archive:
        return keras.saving.load_model(
            archive, custom_objects=custom_objects, compile=False, safe_mode=safe_mode
        )


def load_weights(path: Path, model: Any) -> None:
    """See `Code`."""
    with named(path, ".keras") as archive:
        model.load_weights(archive)


def keras_version(file: RawFile) -> str | None:
    """See `Code`."""
    if _METADATA not in file.archive.members:
        return None
    text = file.archive.read(_METADATA, limits.MIB)
    version = strict_json.load(text, f"{file.label}: {_METADATA}").get("keras_version")
    return None if version is None else str(version)


def _is_keras2(file: RawFile) -> bool:
    return wrote_keras2(keras_version(file))


class _Assets:
    """The members of an archive below `assets/`."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def vocabulary(self, store: str) -> list[str] | None:
        """See `assembly.Assets`."""
        for inner in ("/_lookup_layer", ""):  # Keras loads the inner one last, so that one counts
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
