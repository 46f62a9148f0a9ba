"""HDF5 that points elsewhere, that is not numbers, or not a small tree."""

import struct
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from attacks.register import UNNAMED, attack, everywhere
from attacks.valid import CONTAINERS, WEIGHTS, Change, Image, Place, pickled

# --- pointing elsewhere ---


@attack()
def external_link(at: Place) -> None:
    """The kernel lies in another file."""
    at.put(h5py.ExternalLink(at.neighbour(), "/kernel"))


@attack()
def external_link_for_a_layer(at: Place) -> None:
    """A whole layer lies in another file."""
    del at.file[at.home]
    at.file[at.home] = h5py.ExternalLink(at.neighbour(), "/")


@attack()
def external_storage(at: Place) -> None:
    """The kernel's bytes are those of another file."""
    at.dataset(external=[(at.neighbour(), 0, 48)])


@attack()
def virtual_dataset(at: Place) -> None:
    """The kernel is a window on a dataset of another file."""
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[...] = h5py.VirtualSource(at.neighbour(), "kernel", (4, 3))
    del at.file[at.kernel]
    at.file.create_virtual_dataset(at.kernel, layout)


@attack()
def soft_link_elsewhere(at: Place) -> None:
    """The kernel is a soft link to a dataset outside of the layers."""
    at.file["elsewhere"] = WEIGHTS["hidden"]["kernel"]
    at.put(h5py.SoftLink("/elsewhere"))


@attack()
def soft_link_to_nothing(at: Place) -> None:
    """The kernel is a soft link that leads nowhere."""
    at.put(h5py.SoftLink("/nothing/here"))


@attack()
def soft_link_cycle(at: Place) -> None:
    """Two soft links lead to each other."""
    at.put(h5py.SoftLink("/back"))
    at.file["back"] = h5py.SoftLink(f"/{at.kernel}")


@attack(harmless=UNNAMED)
def group_cycle(at: Place) -> None:
    """A layer holds the root again, by a hard link."""
    at.file[f"{at.home}/again"] = at.file["/"]


@attack()
def one_dataset_twice(at: Place) -> None:
    """Kernel and bias are hard links to one dataset."""
    parent, _, last = at.kernel.rpartition("/")
    other = {"0": "1", "kernel": "bias"}[last]
    del at.file[f"{parent}/{other}"]
    at.file[f"{parent}/{other}"] = at.file[at.kernel]


# --- not numbers ---


def _low_level(at: Place, datatype: h5py.h5t.TypeID) -> None:
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    del at.file[at.kernel]
    space = h5py.h5s.create_simple((4, 3))
    h5py.h5d.create(at.file.id, at.kernel.encode(), datatype, space, how)


def _typed(dtype: Any) -> Change:
    def change(at: Place) -> None:
        _low_level(at, h5py.h5t.py_create(dtype, logical=True))

    return change


_PAIR = np.dtype([("real", "f4"), ("imaginary", "f4")])
STRANGE_TYPES: dict[str, Any] = {
    "object-reference": h5py.ref_dtype,
    "region-reference": h5py.regionref_dtype,
    "compound": _PAIR,
    "compound-of-compound": np.dtype([("pair", _PAIR, (2, 2)), ("text", "S3")]),
    "variable-length-numbers": h5py.vlen_dtype(np.float32),
    "variable-length-text": h5py.string_dtype(),
    "fixed-length-text": "S8",
    "opaque": np.dtype("V16"),
    "array-type": np.dtype(("f4", (2, 2))),
    "enumeration": h5py.enum_dtype({"red": 0, "green": 1}),
    "complex": "c16",
    "wide-float": np.longdouble,
}
for _name, _dtype in STRANGE_TYPES.items():
    everywhere(f"type-{_name}", _typed(_dtype))


@attack()
def type_odd_float(at: Place) -> None:
    """A float of 24 bits, with an exponent of 11 and a bias of its own."""
    datatype = h5py.h5t.IEEE_F32LE.copy()
    datatype.set_fields(23, 12, 11, 0, 12)
    datatype.set_precision(24)
    datatype.set_ebias(900)
    _low_level(at, datatype)


@attack()
def type_time(at: Place) -> None:
    """HDF5's own class of time."""
    _low_level(at, h5py.h5t.UNIX_D32LE)


@attack()
def type_bit_field(at: Place) -> None:
    """Bits, which are no numbers."""
    _low_level(at, h5py.h5t.STD_B32LE)


@attack()
def type_for_a_dataset(at: Place) -> None:
    """A datatype with a name, where the kernel should be."""
    at.put(np.dtype("f4"))


@attack()
def group_for_a_dataset(at: Place) -> None:
    """A group where the kernel should be."""
    del at.file[at.kernel]
    at.file.create_group(at.kernel)


@attack()
def dataset_for_a_group(at: Place) -> None:
    """A dataset where a layer should be."""
    del at.file[at.home]
    at.file[at.home] = np.ones(3, "f4")


@attack()
def no_dataspace(at: Place) -> None:
    """A dataset that has a type and no shape."""
    at.put(h5py.Empty("f4"))


@attack()
def pickle_in_opaque(at: Place) -> None:
    """A pickle as opaque bytes, tagged as an object of Python."""
    payload = pickled(at.folder / "pickle-in-opaque")
    at.put(np.array(payload, f"V{len(payload)}"))
    at.file[at.kernel].attrs["dtype"] = "object"


# --- not a small tree ---


@attack()
def deep_groups(at: Place) -> None:
    """The kernel lies under a thousand groups."""
    step, times = ("g", 1000) if at.legacy else ("layers/dense", 500)
    deep = f"{'/'.join([step] * times)}/vars/0"
    at.file[f"{at.home}/{deep}"] = at.file[at.kernel]
    del at.file[at.kernel]
    if at.legacy:
        at.file[at.home].attrs["weight_names"] = [deep.encode(), b"hidden/bias"]


@attack(dense=True, harmless=UNNAMED)
def many_links(at: Place) -> None:
    """A layer of 30,000 links."""
    group = at.file[at.home].id
    for number in range(30_000):
        group.links.create_soft(b"%x" % number, b"/")


# Where the configuration names the layers, nobody reads the names of places.
@attack(dense=True, harmless=(".h5", ".keras"))
def large_attribute(at: Place) -> None:
    """An attribute of 70 MB of text, all of it padding."""
    at.file[at.kernel].parent.attrs.create("name", np.bytes_(b"{}"), dtype="S70000000")


# Attributes are asked for by name, so others are never read.
@attack(harmless=CONTAINERS)
def many_attributes(at: Place) -> None:
    """A layer of 2,000 attributes."""
    for number in range(2000):
        at.file[at.home].attrs[str(number)] = number


@attack(harmless=(".keras", ".weights.h5", ".h5"))  # a name as any other
def number_of_5000_digits(at: Place) -> None:
    """A tensor whose number is longer than Python reads."""
    at.file[f"{at.kernel.rpartition('/')[0]}/{'9' * 5000}"] = 1.0


@attack()
def groups_without_entries(_: Place) -> Callable[[Image], Image]:
    """What lists the entries of each group is called something else."""
    return lambda image: image.replace(b"SNOD", b"SNOT")


@attack()
def index_of_itself(at: Place) -> Callable[[Image], Image]:
    """Each group's index says that it is its own first child."""

    def turn(image: Image) -> Image:
        bad, start = bytearray(image), image.find(b"TREE")
        while start >= 0:
            bad[start + 5] = 1
            bad[start + 32 : start + 40] = struct.pack("<Q", start)
            start = image.find(b"TREE", start + 4)
        return bytes(bad)

    return turn


@attack(harmless=(".keras",))  # its texts are names of places, which nobody reads
def text_of_no_kind(_: Place) -> Callable[[Image], Image]:
    """One bit of each text's type: libhdf5 1.14 crashes when it reads the text."""
    sound, bad = b"\x19\x01\x01\0\x10\0\0\0", b"\x19\x05\x01\0\x10\0\0\0"
    return lambda image: image.replace(sound, bad)


@attack(harmless=(".keras",))  # as above
def heap_without_end(_: Place) -> Callable[[Image], Image]:
    """One bit of the size of the heap that holds texts: libhdf5 1.14 never comes back."""

    def turn(image: Image) -> Image:
        bad, size = bytearray(image), image.index(b"GCOL") + 8
        bad[size + 1] ^= 1 << 2
        return bytes(bad)

    return turn
