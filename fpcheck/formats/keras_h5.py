"""`.h5`: a whole model in the legacy HDF5 format, as `Model.save` of Keras 2 and 3 writes it."""

import json
from contextlib import suppress

from fpcheck.errors import FpcheckError
from fpcheck.files import strict_json
from fpcheck.files.hdf5 import File
from fpcheck.fingerprint.structure import ASSETS, MASKS
from fpcheck.formats import keras_h5_weights, legacy_tensors
from fpcheck.formats.assembly import assemble
from fpcheck.formats.format import Sibling
from fpcheck.formats.opened import Opened, described, strays
from fpcheck.formats.raw_file import RawFile
from fpcheck.keras_config import keras2_config
from fpcheck.keras_config.layer_config import spelled
from fpcheck.loading.keras2_models import load_legacy_h5

_CONFIG = "model_config"
load, load_weights = load_legacy_h5, keras_h5_weights.load_weights


def recognises(file: RawFile) -> bool:
    """See `Code`."""
    return file.has_attribute(_CONFIG)


def read(raw: RawFile, sibling: Sibling) -> Opened:
    """See `Code`."""
    file, label = File(raw.region, raw.label), raw.label
    text = file.text(file.root, _CONFIG) or ""
    group = file.root.groups.get("model_weights")
    if group is None:
        raise FpcheckError(
            f"{label}: has a model_config but no model_weights", "Save it again with Keras."
        )
    version, backend = (
        file.text(group, name) or file.text(file.root, name) or "None"
        for name in ("keras_version", "backend")
    )
    try:
        old = keras2_config.is_keras2(version, backend, text)
    except ValueError as error:
        raise FpcheckError(f"{label}: {error}", "Load and save it with a newer Keras 2.") from error
    spelling = keras2_config.unwrapped if old else spelled
    config = strict_json.load(text.encode(), f"{label}: {_CONFIG}", spelling)
    model, notes = described(config, label, json.loads(text) if old else None)
    held = legacy_tensors.legacy(file, group, model.entries, model.graph)
    found = assemble(label, model, held, {MASKS, ASSETS} if old else {ASSETS})
    return Opened(found, [*notes, *strays(group, held)], root=file.root)


def keras_version(file: RawFile) -> str | None:
    """See `Code`."""
    with suppress(OSError, KeyError, ValueError, TypeError):
        said = file.hdf5.attrs["keras_version"]
        return said.decode() if isinstance(said, bytes) else str(said)
    return None
