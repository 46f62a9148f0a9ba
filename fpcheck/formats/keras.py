"""`.keras`: a zip archive with configuration, weights and assets, as `Model.save` writes it."""

from functools import partial
from pathlib import Path
from typing import Any

from fpcheck.files import limits, strict_json
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.structure import MASKS
from fpcheck.formats import tensor_groups
from fpcheck.formats.assembly import assemble
from fpcheck.formats.format import Sibling
from fpcheck.formats.opened import Opened, described, strays
from fpcheck.formats.raw_file import RawFile, raw_file
from fpcheck.keras_config.keras2_config import wrote_keras2
from fpcheck.loading.keras2_models import load_old_archive
from fpcheck.loading.weight_files import load_weights_as, named

_CONFIG, _WEIGHTS, _METADATA = "config.json", "model.weights.h5", "metadata.json"
# Every archive of Keras has these.
MEMBERS = (_CONFIG, _WEIGHTS)
load_weights = partial(load_weights_as, ".keras")


def recognises(file: RawFile) -> bool:
    """See `Code`."""
    return file.archive.members.keys() >= {*MEMBERS}


def read(file: RawFile, sibling: Sibling) -> Opened:
    """See `Code`."""
    archive, label = file.archive, file.label
    text = archive.read(_CONFIG, limits.CONFIG_BYTES)
    config, old = strict_json.load(text, f"{label}: {_CONFIG}"), wrote_keras2(keras_version(file))
    model, notes = described(config, label, config if old else None)
    inner = File(archive.open(_WEIGHTS), f"{label}: {_WEIGHTS}")
    held = (
        tensor_groups.by_store(inner, model.entries, model.custom)
        if model.graph
        else tensor_groups.by_group(inner)[0]
    )
    found = assemble(label, model, held, {MASKS} if old else set(), archive)
    notes += strays(inner.root, held)
    return Opened(found, notes, lambda: archive.verify(_WEIGHTS), root=inner.root)


def load(path: Path, custom_objects: dict[str, object], safe_mode: bool) -> Any:
    """See `Code`."""
    import keras

    with raw_file(path, str(path)) as file:
        old = wrote_keras2(keras_version(file))
    if old:
        return load_old_archive(path, custom_objects, safe_mode)
    with named(path, ".keras") as archive:
        return keras.saving.load_model(
            archive, custom_objects=custom_objects, compile=False, safe_mode=safe_mode
        )


def keras_version(file: RawFile) -> str | None:
    """See `Code`."""
    if _METADATA not in file.archive.members:
        return None
    text = file.archive.read(_METADATA, limits.MIB)
    version = strict_json.load(text, f"{file.label}: {_METADATA}").get("keras_version")
    return None if version is None else str(version)
