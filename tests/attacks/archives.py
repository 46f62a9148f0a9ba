"""Zip archives whose parts disagree, overlap, lie about their sizes, or lead out of the archive."""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attacks.register import from_bytes, listed
from attacks.sizes import deflate_bomb
from attacks.valid import archive, keras, members, pickled, weights_h5, write

STORED, DEFLATED = 0, 8


@dataclass(frozen=True)
class Entry:
    """A member as its local header and its central entry tell it; `None` is the truth.

    Attributes:
        packed: its bytes as they lie in the archive.
        whole: the size that they are said to unpack to.
        local: what the local header says instead, by field.
        start: where the local header is said to be; such an entry has none of its own.
        gap: bytes that lie before its local header.
        tail: bytes that lie after its own.
    """

    name: bytes
    packed: bytes
    method: int = STORED
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    whole: int | None = None
    mode: int = 0o100600
    extra: bytes = b""
    local: tuple[tuple[str, Any], ...] = ()
    start: int | None = None
    gap: bytes = b""
    tail: bytes = b""

    def fields(self) -> bytes:
        """What both headers hold alike: flags to the length of the extra field."""
        crc = zlib.crc32(self.packed) if self.crc is None else self.crc
        size = len(self.packed) if self.size is None else self.size
        whole = size if self.whole is None else self.whole
        head = struct.pack("<HHHHHIII", 20, self.flags, self.method, 0, 33, crc, size, whole)
        return head + struct.pack("<HH", len(self.name), len(self.extra))


def stored(name: str, data: bytes) -> Entry:
    """A member that lies there as it is."""
    return Entry(name.encode(), data)


def deflated(name: str, data: bytes) -> Entry:
    """A member packed with deflate."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush()
    return Entry(name.encode(), packed, DEFLATED, crc=zlib.crc32(data), whole=len(data))


def zipped(
    *entries: Entry,
    before: bytes = b"",
    end: Callable[[bytes], bytes] | None = None,
    directory: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """An archive of these entries; `directory` and `end` may change its last two parts."""
    body, central = bytearray(before), bytearray()
    for entry in entries:
        body += entry.gap
        start = len(body) if entry.start is None else entry.start
        if entry.start is None:
            said = replace(entry, **dict(entry.local))
            body += b"PK\x03\x04" + said.fields() + said.name + said.extra + entry.packed
            body += entry.tail
        central += b"PK\x01\x02" + struct.pack("<H", 3 << 8 | 20) + entry.fields()
        central += struct.pack("<HHHII", 0, 0, 0, entry.mode << 16, start)
        central += entry.name + entry.extra
    listing = directory(bytes(central)) if directory else bytes(central)
    count = min(len(entries), 0xFFFF)
    last = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(central), len(body), 0)
    return bytes(body) + listing + (end(last) if end else last)


def sound() -> list[Entry]:
    """The members of the sound archive, in order."""
    return [stored(name, data) for name, data in members().items()]


def swapped(**changes: Callable[[Entry], Entry]) -> Callable[[], bytes]:
    """The sound archive with one member told otherwise: `metadata`, `config` or `weights`."""

    def make() -> bytes:
        entries = dict(zip(("metadata", "config", "weights"), sound(), strict=True))
        return zipped(*(changes.get(key, _same)(entry) for key, entry in entries.items()))

    return make


def _same(entry: Entry) -> Entry:
    return entry


def told(**fields: Any) -> Callable[[Entry], Entry]:
    """Say something else of a member, in both its headers."""
    return lambda entry: replace(entry, **fields)


def _with(*more: Entry) -> Callable[[], bytes]:
    return lambda: zipped(*sound(), *more)


def _only(*names: str) -> Callable[[], bytes]:
    return lambda: zipped(*(e for e in sound() if e.name.decode() in names))


# --- which member is meant ---

MEMBERS: dict[str, Callable[[], bytes]] = {
    "duplicate-config": _with(stored("config.json", b"{}")),
    "duplicate-weights": _with(stored("model.weights.h5", weights_h5())),
    "nul-in-a-name": _with(stored("config.json\0.txt", b"{}")),
    "dot-in-a-name": _with(stored("./config.json", b"{}")),
    "parent": _with(stored("../evil.txt", b"out of here")),
    "parent-inside": _with(stored("assets/../../evil.txt", b"out of here")),
    "absolute": _with(stored("/tmp/evil.txt", b"out of here")),
    "backslashes": _with(stored("..\\evil.txt", b"out of here")),
    "drive": _with(stored("C:\\evil.txt", b"out of here")),
    "empty-name": _with(stored("", b"nameless")),
    "not-utf8-name": _with(Entry(b"assets/\xff\xfe", b"x", flags=0x800)),
    "symlink": _with(replace(stored("assets/link", b"/etc/passwd"), mode=0o120777)),
    "symlink-weights": swapped(weights=told(mode=0o120777, packed=b"neighbour.weights.h5")),
    "device": _with(replace(stored("assets/device", b""), mode=0o020666)),
    "no-config": _only("metadata.json", "model.weights.h5"),
    "no-weights": _only("metadata.json", "config.json"),
    "no-members": lambda: zipped(),
    "metadata-only": _only("metadata.json"),
    "weights-not-hdf5": lambda: archive(members(weights=b"units = 3" * 99)),
    "weights-empty": lambda: archive(members(weights=b"")),
    "weights-a-zip": lambda: archive(members(weights=keras())),
    "50000-members": lambda: zipped(*sound(), *(stored(f"{n:x}", b"") for n in range(50_000))),
}
for _name, _make in MEMBERS.items():
    from_bytes(f"zip-{_name}", ".keras", _make)


def object_npz(path: Path) -> bytes:
    """An `.npz` with one array of objects, which is a pickle that leaves the marker."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
    return archive({"hidden.npy": start + header + pickled(path)})


def _npz_for_hdf5(path: Path) -> None:
    held = members()
    del held["model.weights.h5"]
    write(path, archive({**held, "model.weights.npz": object_npz(path)}))


listed("zip-weights-npz-of-objects", ".keras", _npz_for_hdf5)


# --- how a member is packed ---

_TEXT = members()["config.json"]
_SMALL = deflated("config.json", _TEXT)


def _compressed(method: int, data: bytes) -> Callable[[], bytes]:
    entry = Entry(b"config.json", data, method, crc=zlib.crc32(_TEXT), whole=len(_TEXT))
    return swapped(config=lambda _: entry)


def _bomb(entry: Entry, fill: bytes, megabytes: int) -> Entry:
    """The member, and then MiB of one byte."""
    crc = zlib.crc32(entry.packed)
    for _ in range(megabytes):
        crc = zlib.crc32(fill * 2**20, crc)
    whole = len(entry.packed) + megabytes * 2**20
    data = deflate_bomb(fill, megabytes, first=entry.packed)
    return replace(entry, packed=data, method=DEFLATED, crc=crc, whole=whole)


PACKING: dict[str, Callable[[], bytes]] = {
    "encrypted": swapped(config=told(flags=0x1)),
    "encrypted-strongly": swapped(config=told(flags=0x41)),
    "encrypted-directory": swapped(config=told(flags=0x2001)),
    "bzip2": _compressed(12, bz2.compress(_TEXT)),
    "lzma": _compressed(
        14,
        b"\x09\x04\x05\x00"
        + lzma.compress(_TEXT, lzma.FORMAT_ALONE)[:5]
        + lzma.compress(_TEXT, lzma.FORMAT_ALONE)[13:],
    ),
    "unknown-method": _compressed(99, _TEXT),
    "not-deflate": _compressed(DEFLATED, b"\xff" * 99),
    "deflate-goes-on": _compressed(DEFLATED, _SMALL.packed + b"more"),
    "deflate-cut-short": _compressed(DEFLATED, _SMALL.packed[:-9]),
    "bomb-config": swapped(config=lambda entry: _bomb(entry, b" ", 256)),
    "bomb-weights": swapped(weights=lambda entry: _bomb(entry, b"\0", 1024)),
    "bomb-that-lies": swapped(
        config=lambda entry: replace(
            _bomb(entry, b" ", 256), crc=zlib.crc32(_TEXT), whole=len(_TEXT)
        )
    ),
    "wrong-crc-of-config": swapped(config=told(crc=7)),
    "wrong-crc-of-weights": swapped(weights=told(crc=7)),
    "weights-changed-at-the-end": swapped(
        weights=lambda e: replace(e, packed=e.packed[:-1] + b"!", crc=zlib.crc32(e.packed))
    ),
    "size-smaller": swapped(config=lambda e: replace(e, size=len(e.packed) - 9)),
    "size-larger": swapped(config=lambda e: replace(e, size=len(e.packed) + 9)),
    "size-beyond-the-end": swapped(weights=told(size=2**31 - 1)),
    "size-all-ones": swapped(weights=told(size=2**32 - 1)),
    "sizes-differ": swapped(config=lambda e: replace(e, whole=len(e.packed) - 9)),
    "unpacked-smaller": swapped(config=lambda _: replace(_SMALL, whole=len(_TEXT) - 9)),
    "unpacked-larger": swapped(config=lambda _: replace(_SMALL, whole=len(_TEXT) + 9)),
}
for _name, _make in PACKING.items():
    from_bytes(f"zip-{_name}", ".keras", _make)
