"""Whole files in the containers of Keras that hold no model: somebody else's HDF5, zip or JSON.

They are data, not damaged models, and the gate passes over them. So whatever Keras could load a
part of, and whatever cannot be read to its end, is no such file.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import h5py
from h5py import h5g, h5l, h5o

from fpcheck.errors import FpcheckError, NotAModelError
from fpcheck.files import limits
from fpcheck.files.dataset import LIBRARY_ERRORS
from fpcheck.files.refusals import GIVE
from fpcheck.files.region import Region, RegionFile
from fpcheck.formats.file_head import SUFFIXES

# Attributes and groups that Keras writes, in each of its ways to lay out an HDF5 file.
_ATTRIBUTES = ("model_config", "training_config", "keras_version", "layer_names", "weight_names",
               "nb_layers")  # fmt: skip
_GROUPS = frozenset({"layers", "model_weights", "optimizer_weights", "top_level_model_weights"})
_VARS = "vars"
# What others write in the root, and what the file is then called.
_WRITERS = {
    "_NCProperties": "a NetCDF4 file",
    "PYTABLES_FORMAT_VERSION": "a PyTables (pandas) file",
    "encoding-type": "an AnnData file",
}
_MATLAB = b"MATLAB"
# AnnData keeps its matrices in a group that has the name of one of Keras's.
_ANNDATA = frozenset({"obs", "var"})
# Members of an archive that holds a model, whole or not, of Keras or another framework.
_MEMBERS = ("config.json", "metadata.json", ".pkl", ".pb", ".pt", ".pth", ".onnx", ".tflite",
            ".safetensors", ".index", *SUFFIXES)  # fmt: skip
# Keys of an index of weights, of an architecture, and of a model for browsers, wherever they stand.
_KEYS = ("weight_map", "total_size", "keras_version", "modelTopology", "weightsManifest")


def check_hdf5(region: Region, label: str) -> None:
    """Raise NotAModelError where an HDF5 file can be walked, and holds nothing of Keras."""
    try:
        with h5py.File(RegionFile(region), "r") as file:
            root = h5g.open(file.id, b"/")
            names, attributes = _names(root), {*file.attrs}
            if not names or _is_kerass(root, {*names}):
                return
            sets = [raw for raw, info in _objects(root) if info.type == h5o.TYPE_DATASET]
    except LIBRARY_ERRORS:  # reading it says what is wrong
        return
    held = _some("data set", [_text(raw) for raw in sets]) if sets else _some("group", names)
    written = [said for name, said in _WRITERS.items() if name in attributes]
    written += ["a MATLAB file"] * (region.read(0, len(_MATLAB)) == _MATLAB)
    raise NotAModelError(
        f"{label}: {(*written, 'an HDF5 file')[0]}, not a Keras model: it contains {held} and no "
        "layers",
        GIVE,
    )


def _is_kerass(root: Any, names: set[str]) -> bool:
    """Whether anything that Keras writes is in a file; also where that cannot be seen to the end.

    Links are not followed; the name of one counts.
    """
    if (_GROUPS - {"layers"} if names >= _ANNDATA else _GROUPS) & names:
        return True
    waiting, seen, steps = [(root, 0)], {h5o.get_info(root).addr}, 0
    while waiting:
        group, depth = waiting.pop()
        own = _names(group)
        steps += len(own)
        if steps > limits.HDF5_OBJECTS or depth > limits.HDF5_DEPTH or _VARS in own:
            return True
        if any(name.startswith(_ATTRIBUTES) for name in h5py.Group(group).attrs):
            return True
        for raw, info in _objects(group):
            if info.type == h5o.TYPE_GROUP and info.addr not in seen:
                seen.add(info.addr)
                waiting.append((h5g.open(group, raw), depth + 1))
    return False


def _objects(group: Any) -> Iterator[tuple[bytes, Any]]:
    """What a group holds itself: by name, without what links lead to."""
    names: list[bytes] = []
    group.links.iterate(names.append)
    for raw in names:
        if group.links.get_info(raw).type == h5l.TYPE_HARD:
            yield raw, h5o.get_info(group, raw)


def _names(group: Any) -> list[str]:
    names: list[bytes] = []
    group.links.iterate(names.append)
    return [_text(name) for name in names]


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _some(word: str, names: list[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:3])
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"the {word}{'' if len(names) == 1 else 's'} {shown}{more}"


def zip_error(members: Iterable[str], label: str, fact: str) -> FpcheckError:
    """The error on a whole archive that is no .keras model."""
    of_model = any(name.lower().endswith(_MEMBERS) for name in members)
    return (FpcheckError if of_model else NotAModelError)(f"{label}: {fact}", GIVE)


def json_error(document: object, label: str, fact: str, advice: str) -> FpcheckError:
    """The error on a whole JSON document that is no index of weights."""
    text = json.dumps(document)
    layers = all(f'"{key}": ' in text for key in ("class_name", "config"))
    of_model = not document or layers or any(f'"{key}": ' in text for key in _KEYS)
    return (FpcheckError if of_model else NotAModelError)(f"{label}: {fact}", advice)
