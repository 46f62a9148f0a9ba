"""Which format a file has; and undamaged HDF5, zip and JSON files that contain no model.

The gate passes over those. A file of which Keras could load a part, or that cannot be read to its
end, may be a damaged model, so it does not count as such a file.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import h5py
from h5py import h5g, h5l, h5o

from fpcheck.errors import FpcheckError, NotAModelError
from fpcheck.files import limits
from fpcheck.files.dataset import LIBRARY_ERRORS
from fpcheck.files.region import Region, RegionFile
from fpcheck.formats import formats_starting, gate_suffixes, give, keras
from fpcheck.formats.file_head import start_of, unknown
from fpcheck.formats.format import HDF5, JSON, ZIP, Format, Sibling
from fpcheck.formats.opened import Opened
from fpcheck.formats.raw_file import RawFile
from fpcheck.formats.weights_json import GIVE_INDEX

# Attributes and groups that Keras writes, in each of its ways to lay out an HDF5 file.
_ATTRIBUTES = (
    *("model_config", "training_config", "keras_version"),
    *("layer_names", "weight_names", "nb_layers"),
)
_GROUPS = frozenset({"layers", "model_weights", "optimizer_weights", "top_level_model_weights"})
# Attributes that other programs write in the root, and what their files are.
_WRITERS = {
    "_NCProperties": "a NetCDF4 file",
    "PYTABLES_FORMAT_VERSION": "a PyTables (pandas) file",
    "encoding-type": "an AnnData file",
}
# AnnData stores its matrices in a group with a name that Keras uses too.
_ANNDATA = frozenset({"obs", "var"})
# Endings of member names in an archive that contains a model of any framework, or a part of one.
_MEMBERS = (
    *("config.json", "metadata.json", ".pkl", ".pb", ".pt", ".pth", ".onnx", ".tflite"),
    *(".safetensors", ".index"),
)
# Keys of an index of weights, of an architecture, and of a model for browsers, at any depth.
_KEYS = ("weight_map", "total_size", "keras_version", "modelTopology", "weightsManifest")


def recognise(file: RawFile) -> Format:
    """The format of a file."""
    for known in formats_starting(start_of(file)):
        if known.code.recognises(file):
            return known
    if file.head.startswith(ZIP):
        raise _zip_error(file)
    raise _json_error(file) if file.head.startswith(JSON) else unknown(file.label)


def open_model(region: Region, label: str, sibling: Sibling) -> Opened:
    """Open a model file of any format, without reading its tensors."""
    file = RawFile(region, label)
    known = recognise(file)
    try:
        opened = replace(known.code.read(file, sibling), format=known.name)
    except FpcheckError:
        if known.begins == HDF5:
            check_hdf5(file)
        raise
    if known.begins == HDF5 and not opened.assembled.stored:
        check_hdf5(file)  # a file without tensors may be somebody else's
    return opened


def check_hdf5(whole: RawFile) -> None:
    """Raise NotAModelError if an HDF5 file can be walked, and contains nothing of Keras."""
    try:
        with h5py.File(RegionFile(whole.region), "r") as file:
            root = h5g.open(file.id, b"/")
            names, attributes = _names(root), {*file.attrs}
            if not names or _is_kerass(root, {*names}):
                return
            raw = [name for name, info in _objects(root) if info.type == h5o.TYPE_DATASET]
    except LIBRARY_ERRORS:  # reading it says what is wrong
        return
    sets = [name.decode(errors="replace") for name in raw]
    held = _some("data set", sets) if sets else _some("group", names)
    written = [said for name, said in _WRITERS.items() if name in attributes]
    written += ["a MATLAB file"] * (whole.head.startswith(b"MATLAB"))
    what = f"{(*written, 'an HDF5 file')[0]}, not a Keras model: it contains {held} and no layers"
    raise NotAModelError(f"{whole.label}: {what}", give())


def _is_kerass(root: Any, names: set[str]) -> bool:
    """Whether a file contains names that Keras writes (also of links), or is too large to know."""
    if (_GROUPS - {"layers"} if names >= _ANNDATA else _GROUPS) & names:
        return True
    waiting, seen, steps = [(root, 0)], {h5o.get_info(root).addr}, 0
    while waiting:
        group, depth = waiting.pop()
        own = _names(group)
        steps += len(own)
        if steps > limits.HDF5_OBJECTS or depth > limits.HDF5_DEPTH or "vars" in own:
            return True
        if any(name.startswith(_ATTRIBUTES) for name in h5py.Group(group).attrs):
            return True
        for raw, info in _objects(group):
            if info.type == h5o.TYPE_GROUP and info.addr not in seen:
                seen.add(info.addr)
                waiting.append((h5g.open(group, raw), depth + 1))
    return False


def _objects(group: Any) -> Iterator[tuple[bytes, Any]]:
    """The objects in a group by name, without the targets of links."""
    for raw in _raw_names(group):
        if group.links.get_info(raw).type == h5l.TYPE_HARD:
            yield raw, h5o.get_info(group, raw)


def _raw_names(group: Any) -> list[bytes]:
    names: list[bytes] = []
    group.links.iterate(names.append)
    return names


def _names(group: Any) -> list[str]:
    return [name.decode(errors="replace") for name in _raw_names(group)]


def _some(word: str, names: list[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:3])
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"the {word}{'' if len(names) == 1 else 's'} {shown}{more}"


def _zip_error(file: RawFile) -> FpcheckError:
    members = file.archive.members
    of_model = any(name.lower().endswith((*_MEMBERS, *gate_suffixes())) for name in members)
    torch = any(name.endswith("data.pkl") for name in members)
    what = "a PyTorch archive" if torch else "a zip archive"
    lacking = next(name for name in keras.MEMBERS if name not in members)
    return (FpcheckError if of_model else NotAModelError)(
        f"{file.label}: {what} without {lacking}, so no .keras model", give()
    )


def _json_error(file: RawFile) -> FpcheckError:
    text = json.dumps(file.document)
    layers = all(f'"{key}": ' in text for key in ("class_name", "config"))
    of_model = not file.document or layers or any(f'"{key}": ' in text for key in _KEYS)
    what = "a JSON list" if isinstance(file.document, list) else "JSON without a weight_map"
    fact = f"{file.label}: {what}, so no index of weights"
    return (FpcheckError if of_model else NotAModelError)(fact, GIVE_INDEX)
