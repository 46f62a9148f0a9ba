"""Reads the groups and tensors of an HDF5 file, and refuses everything that leads out of it.

Only hard links are followed, each object once. Types, layouts and sizes are checked before any
value is read. Contiguous values are later read directly from the file, without h5py.
"""

import math
from contextlib import AbstractContextManager
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5s, h5t, h5z

from fpcheck.errors import FpcheckError
from fpcheck.files import limits
from fpcheck.files.dataset import Dataset, Group, undamaged
from fpcheck.files.refusals import refused
from fpcheck.files.region import Region, RegionFile

# The names of refused HDF5 classes in messages.
_REFUSED_TYPES = {
    h5t.REFERENCE: "object references",
    h5t.COMPOUND: "compound values",
    h5t.VLEN: "values of variable length",
    h5t.ARRAY: "arrays inside values",
    h5t.TIME: "times",
    h5t.BITFIELD: "bit fields",
    h5t.STRING: "strings",
}
# Types that h5py stores as opaque bytes, by size; no other opaque type has one or two bytes.
_OPAQUE = {2: "bfloat16", 1: "float8_e4m3fn"}
_INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_DTYPES = frozenset({"bool", "float16", "float32", "float64"} | _INTEGERS)
# The filters of HDF5 itself, and LZF, which h5py has; all others are plug-ins.
_FILTERS = (
    *(h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_SZIP),
    *(h5z.FILTER_NBIT, h5z.FILTER_SCALEOFFSET, h5z.FILTER_LZF),
)


class File:
    """A checked HDF5 file."""

    def __init__(self, region: Region, label: str) -> None:
        self.region = region
        self.label = label
        self._objects = 0
        self._declared = 0
        self._seen: set[int] = set()
        with self._undamaged():
            self._file = h5py.File(RegionFile(region), "r")
            top = h5g.open(self._file.id, b"/")
        self.root = self._group(top, "", 0)

    def _undamaged(self, place: str | None = None) -> AbstractContextManager[None]:
        return undamaged(f"{self.label}: damaged HDF5 file", place)

    def refused(self, place: str, what: str, *advice: str) -> FpcheckError:
        """The error for a refused file."""
        return refused(self.label, f"{place or 'the file'} {what}", *advice)

    def _group(self, handle: Any, name: str, depth: int) -> Group:
        if depth > limits.HDF5_DEPTH:
            raise self.refused(name[:80], f"lies deeper than {limits.HDF5_DEPTH} groups")
        group, names = Group(name, handle), list[bytes]()
        with self._undamaged(name):
            self._objects += handle.get_num_objs()
            if self._objects > limits.HDF5_OBJECTS:
                raise self.refused("", f"contains more than {limits.HDF5_OBJECTS:,} objects")
            handle.links.iterate(names.append)
        for raw in names:
            place = f"{name}/{raw.decode(errors='replace')}".lstrip("/")
            self._member(group, handle, raw, place, depth)
        return group

    def _member(self, group: Group, handle: Any, raw: bytes, place: str, depth: int) -> None:
        with self._undamaged(place):
            kind = handle.links.get_info(raw).type
            if kind != h5l.TYPE_HARD:
                what = {h5l.TYPE_SOFT: "a soft link", h5l.TYPE_EXTERNAL: "an external link"}
                raise self.refused(place, f"is {what.get(kind, 'a link of unknown kind')}")
            name = raw.decode()
            child = h5o.open(handle, raw)
            address = h5o.get_info(child).addr
            if address in self._seen:
                raise self.refused(place, "is linked twice, perhaps in a circle")
            self._seen.add(address)
            if isinstance(child, h5g.GroupID):
                group.groups[name] = self._group(child, place, depth + 1)
            elif isinstance(child, h5d.DatasetID):
                group.datasets[name] = self._dataset(child, place)
            else:
                raise self.refused(place, "is neither a group nor a tensor")

    def _dataset(self, handle: Any, place: str) -> Dataset:
        stored, dtype = self._type(handle, place)
        if handle.get_space().get_simple_extent_type() == h5s.NULL:
            raise self.refused(place, "has no shape")
        shape = handle.shape
        if len(shape) > limits.RANK:
            raise self.refused(place, f"has more than {limits.RANK} dimensions")
        size = math.prod(shape) * stored.itemsize
        layout = self._layout(handle, place, size)
        self._declared += size
        self._check_size(place, self._declared, self.region.size)
        contiguous = layout == h5d.CONTIGUOUS and size
        offset = handle.get_offset() if contiguous else None
        if contiguous and (offset is None or offset + size > self.region.size):
            raise self.refused(place, "lies beyond the end of the file")
        offset = None if stored.str[0] == ">" else offset  # h5py swaps the bytes
        return Dataset(place, shape, stored, dtype, offset, handle, self.region, self.label)

    def _check_size(self, place: str, declared: int, stored: int) -> None:
        if declared > limits.expanded(stored):
            made = f"declares {declared:,} bytes, made from {stored:,}"
            raise self.refused(place, f"{made}: more than {limits.EXPANSION} times as many")

    def _type(self, handle: Any, place: str) -> tuple[np.dtype[Any], str]:
        kind = handle.get_type()
        if kind.get_class() == h5t.OPAQUE and kind.get_size() in _OPAQUE:
            return np.dtype(f"V{kind.get_size()}"), _OPAQUE[kind.get_size()]
        if kind.get_class() in (h5t.INTEGER, h5t.FLOAT) or handle.dtype == np.bool_:
            name = handle.dtype.newbyteorder("=").name
            # The type must equal numpy's in every bit, since values are read without conversion.
            if name in _DTYPES and kind == h5t.py_create(handle.dtype, logical=True):
                return handle.dtype, name
        what = _REFUSED_TYPES.get(kind.get_class(), "values that are no numbers")
        raise self.refused(place, f"contains {what}", "Weights are numbers.")

    def _layout(self, handle: Any, place: str, size: int) -> int:
        """The layout of the values; checks that all are in the file, and their size."""
        settings = handle.get_create_plist()
        layout = settings.get_layout()
        if settings.get_external_count():
            raise self.refused(place, "keeps its values in another file")
        if layout not in (h5d.CONTIGUOUS, h5d.CHUNKED, h5d.COMPACT):
            raise self.refused(place, "is a virtual dataset: its values lie elsewhere")
        for number in range(settings.get_nfilters()):
            code, _, _, name = settings.get_filter(number)
            if code not in _FILTERS:
                what = f"is compressed by a plug-in ({name.decode(errors='replace') or code})"
                raise self.refused(place, what, "Save it with gzip, or without compression.")
        stored = handle.get_storage_size()
        if stored > self.region.size:
            raise self.refused(place, "claims more bytes than the file has")
        if layout == h5d.CONTIGUOUS and stored != size:
            what = f"declares {size:,} bytes, of which the file contains {stored:,}"
            raise self.refused(place, what)
        self._check_size(place, size, stored)
        return int(layout)

    def text(self, group: Group, name: str) -> str | None:
        """A text attribute; None if there is none."""
        listed = self._listed(group, name, dimensions=0)
        return listed[0] if listed else None

    def texts(self, group: Group, name: str) -> list[str] | None:
        """An attribute that lists texts, or its parts `name0`, `name1` ...; None without any."""
        whole = self._listed(group, name)
        parts = [] if whole is None else [whole]
        while whole is None and (more := self._listed(group, f"{name}{len(parts)}")) is not None:
            parts.append(more)
        texts = [text for part in parts for text in part]
        if len({*texts}) < len(texts):
            raise self.refused(_place(group, name), "names something twice")
        return texts if parts else None

    def _listed(self, group: Group, name: str, dimensions: int = 1) -> list[str] | None:
        value = self._attribute(group, name)
        if value is None:
            return None
        if np.ndim(value) != dimensions:
            raise self.refused(_place(group, name), "is not what Keras writes there")
        items = np.asarray(value).ravel().tolist()
        try:
            # Encoding refuses surrogates, which stand for bytes that are not UTF-8.
            return [(i if isinstance(i, bytes) else str.encode(i)).decode() for i in items]
        except (UnicodeError, TypeError) as error:
            raise self.refused(_place(group, name), "lists something that is no name") from error

    def _attribute(self, group: Group, name: str) -> Any:
        with self._undamaged(_place(group, name)):
            if not h5a.exists(group.handle, name.encode()):
                return None
            attribute = h5a.open(group.handle, name.encode())
            size = attribute.get_space().get_simple_extent_npoints()
            if size * attribute.get_type().get_size() > limits.ATTRIBUTE_BYTES:
                raise self.refused(_place(group, name), "is longer than an attribute may be")
            kind = attribute.get_type().get_class()
            if kind not in (h5t.STRING, h5t.FLOAT, h5t.INTEGER):
                raise self.refused(_place(group, name), "is not text")
            return h5py.Group(group.handle).attrs[name]


def _place(group: Group, attribute: str) -> str:
    return f"{group.name}: {attribute}" if group.name else attribute
