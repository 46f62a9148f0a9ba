"""`.h5`: weights in the legacy HDF5 format, as `save_weights` of Keras 2 writes them."""

from functools import partial

from fpcheck.files.hdf5 import File
from fpcheck.formats import legacy_tensors
from fpcheck.formats.format import Sibling
from fpcheck.formats.opened import Opened, weights
from fpcheck.formats.raw_file import RawFile
from fpcheck.loading.weight_files import load_weights_as

load_weights = partial(load_weights_as, ".h5")


def recognises(file: RawFile) -> bool:
    """See `Code`."""
    # A list that is too long for one attribute is stored in several.
    return file.has_attribute("layer_names") or file.has_attribute("layer_names0")


def read(raw: RawFile, sibling: Sibling) -> Opened:
    """See `Code`."""
    file = File(raw.region, raw.label)
    held = legacy_tensors.legacy(file, file.root, ())
    return weights(file, held, {}, legacy_tensors.weightless(file, file.root))
