"""`.weights.h5`: weights in HDF5, as `save_weights` of Keras 3 writes them; also one of shards."""

import re
from functools import partial
from pathlib import Path

from fpcheck.errors import FpcheckError
from fpcheck.files.hdf5 import File
from fpcheck.formats import give, tensor_groups
from fpcheck.formats.format import Sibling
from fpcheck.formats.opened import Opened, weights
from fpcheck.formats.raw_file import RawFile
from fpcheck.formats.weights_json import check_shard, weight_map
from fpcheck.loading.weight_files import load_weights_as

# How Keras numbers shards beside `NAME.weights.json`.
_SHARD = re.compile(r"(.+)_\d{5}\.weights\.h5")
load_weights = partial(load_weights_as, ".weights.h5")


def recognises(file: RawFile) -> bool:
    """See `Code`."""
    return True


def read(raw: RawFile, sibling: Sibling) -> Opened:
    """See `Code`."""
    file = File(raw.region, raw.label)
    held, stores = tensor_groups.by_group(file)
    if not held and not {"layers", "vars"} & file.root.groups.keys():
        raise FpcheckError(f"{raw.label}: an HDF5 file without weights of Keras", give())
    return weights(file, held, stores, shard=_is_shard(file, sibling))


def _is_shard(file: File, sibling: Sibling) -> bool:
    """Whether the index beside a file lists it as one of several shards, with what it contains."""
    name = Path(file.label).name
    numbered = _SHARD.fullmatch(name)
    if numbered is None:
        return False
    label = f"{numbered[1]}.weights.json"
    try:
        region = sibling(label)
    except FpcheckError:  # no index: only the file itself can show what it is
        return False
    places = weight_map(RawFile(region, label))
    if len(places) < 2 or name not in places:
        return False
    check_shard(file, places[name], label)
    return True
