"""`.h5`: weights in the legacy HDF5 format, as `save_weights` of Keras 2 writes them."""

from pathlib import Path
from typing import Any

from fpcheck.files.hdf5 import File
from fpcheck.formats import legacy_tensors
from fpcheck.formats.format import Sibling
from fpcheck.formats.opened import Opened, weights
from fpcheck.formats.raw_file import RawFile
from fpcheck.loading.weight_files import frozen_as_saved, named


def recognises(file: RawFile) -> bool:
    """See `Code`."""
    # A list that is too long for one attribute is stored in several.
    return file.has_attribute("layer_names") or file.has_attribute("layer_names0")


def read(raw: RawFile, sibling: Sibling) -> Opened:
    """See `Code`."""
    file = File(raw.region, raw.label)
    held = legacy_tensors.legacy(file, file.root, ())
    return weights(file, held, {}, legacy_tensors.weightless(file, file.root))


def load_weights(path: Path, model: Any) -> None:
    """See `Code`."""
    with named(path, ".h5") as file, frozen_as_saved(model, path):
        model.load_weights(file)
