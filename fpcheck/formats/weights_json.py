"""`.weights.json`: weights in several files, and the index of them, as `save_weights` writes it."""

from functools import partial
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.files import limits
from fpcheck.files.hdf5 import File
from fpcheck.files.refusals import refused
from fpcheck.formats import assembly, tensor_groups
from fpcheck.formats.format import Sibling
from fpcheck.formats.opened import Opened, weights
from fpcheck.formats.raw_file import RawFile
from fpcheck.loading.weight_files import load_weights_as

GIVE_INDEX = "Give the .weights.json file that Keras wrote beside its shards."
# The index of a model without weights.
_NOTHING = {"metadata": {"total_size": 0}, "weight_map": {}}
load_weights = partial(load_weights_as, ".weights.json")


def recognises(file: RawFile) -> bool:
    """See `Code`."""
    return file.document == _NOTHING or bool(_listed(file))


def read(file: RawFile, sibling: Sibling) -> Opened:
    """See `Code`. Each shard contains some of the groups, named as if in one file."""
    if file.document == _NOTHING:
        return Opened(assembly.weights_only({}, {}))
    places = weight_map(file)
    if not 0 < len(places) <= limits.SHARDS:
        many = f"{len(places):,} shards, of 1 to {limits.SHARDS:,} allowed"
        raise refused(file.label, many, "Save it anew with Keras.")
    shards = [File(sibling(name), name) for name in sorted(places)]
    for shard in shards:
        check_shard(shard, places[shard.label], file.label)
    first, *others = shards
    for other in others:
        first.root.merge(other.root)
    return weights(first, *tensor_groups.by_group(first))


def _listed(file: RawFile) -> dict[str, Any]:
    """The places of tensors that an index lists; empty where it is no index."""
    listed = file.document.get("weight_map") if isinstance(file.document, dict) else None
    return listed if isinstance(listed, dict) else {}


def weight_map(file: RawFile) -> dict[str, set[str]]:
    """The places that each shard contains, by the name of the shard."""
    listed = _listed(file)
    if not listed:
        fact = f"{file.label}: JSON without a weight_map, so no index of weights"
        raise FpcheckError(fact, GIVE_INDEX)
    places: dict[str, set[str]] = {}
    for place, value in listed.items():
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str) or name in ("", ".", "..") or {*name} & {"/", "\\", "\0"}:
                what = f"{str(name)[:80]!r} is no name of a shard beside it"
                raise refused(file.label, what, "Shards must lie beside their index.")
            places.setdefault(name, set()).add(str(place).strip("/"))
    return places


def check_shard(file: File, listed: set[str], label: str) -> None:
    """Refuse a shard that does not contain exactly the places that the index, `label`, lists."""
    held = {group.name for group in file.root.walk() if group.datasets}
    for place in sorted(listed ^ held):
        what = (
            f"is not in {file.label}, as its weight_map says"
            if place in listed
            else f"is in {file.label}, and its weight_map does not say so"
        )
        anew = "Save it anew with Keras, all files together."
        raise refused(label, f"{place[:80] or '/'} {what}", anew)
