"""Zip archives whose headers and directory disagree, overlap, or leave bytes unsaid."""

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from attacks.archives import Entry, sound, stored, swapped, told, zipped
from attacks.register import BENIGN, TOLERATED, from_bytes
from attacks.valid import archive, keras, members, weights_h5

HIDDEN = zipped(stored("config.json", b"{}"))[:43]  # a local header and its two bytes


def _locally(**fields: Any) -> Callable[[Entry], Entry]:
    """Say something else in the local header only."""
    return lambda entry: replace(entry, local=tuple(fields.items()))


def _ended(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    return lambda: zipped(*sound(), end=change)


def _directory(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    return lambda: zipped(*sound(), directory=change)


def _quoted() -> bytes:
    """The configuration that counts lies inside of an asset."""
    metadata, config, weights = sound()
    quoting = stored("assets/a", zipped(config))
    start = 30 + len(metadata.name) + len(metadata.packed) + 30 + len(quoting.name)
    return zipped(metadata, quoting, replace(config, start=start), weights)


def _end(**fields: int) -> Callable[[bytes], bytes]:
    """Change numbers of the end record."""
    places = {
        "disk": ("<H", 4),
        "here": ("<H", 8),
        "count": ("<H", 10),
        "size": ("<I", 12),
        "start": ("<I", 16),
        "comment": ("<H", 20),
    }

    def change(end: bytes) -> bytes:
        bad = bytearray(end)
        for key, value in fields.items():
            form, place = places[key]
            struct.pack_into(form, bad, place, value)
        return bytes(bad)

    return change


_NOWHERE = b"PK\x06\x07" + struct.pack("<IQI", 0, 2**60, 1)
_ALL_ONES = _end(here=0xFFFF, count=0xFFFF, size=2**32 - 1, start=2**32 - 1)
_HUGE = struct.pack("<HHQQ", 1, 16, 2**62, 2**62)
HEADERS: dict[str, Callable[[], bytes]] = {
    "local-other-name": swapped(config=_locally(name=b"other_.json")),
    "local-longer-name": swapped(config=_locally(name=b"a/longer/name.json")),
    "local-other-method": swapped(config=_locally(method=8)),
    "local-other-size": swapped(config=_locally(size=9)),
    "local-other-crc": swapped(config=_locally(crc=7)),
    "local-encrypted": swapped(config=_locally(flags=1)),
    "start-of-another": swapped(config=told(start=0)),
    "start-outside": swapped(config=told(start=2**31)),
    "start-all-ones": swapped(config=told(start=2**32 - 1)),
    "start-in-the-bytes-of-another": swapped(config=told(start=60)),
    "same-bytes-twice": lambda: zipped(
        *sound(), replace(sound()[0], name=b"assets/again", start=0)
    ),
    "member-in-a-member": _quoted,
    "bytes-before": lambda: zipped(*sound(), before=HIDDEN),
    "bytes-before-unsaid": lambda: HIDDEN + zipped(*sound()),
    "bytes-between": swapped(weights=told(gap=HIDDEN)),
    "bytes-after-a-member": swapped(weights=told(tail=HIDDEN)),
    "bytes-after-the-end": lambda: zipped(*sound()) + b"more",
    "two-ends": lambda: zipped(*sound(), end=_end(comment=22)) + zipped(),
    "two-archives": lambda: zipped(stored("config.json", b"{}")) + zipped(*sound()),
    "directory-cut": _directory(lambda held: held[:-20]),
    "directory-cut-in-the-first": _directory(lambda held: held[:30]),
    "directory-longer": _directory(lambda held: held + HIDDEN),
    "directory-noise": _directory(lambda held: b"\xff" * len(held)),
    "counts-fewer": _ended(_end(here=2, count=2)),
    "counts-more": _ended(_end(here=4, count=4)),
    "counts-differ": _ended(_end(here=2)),
    "another-disk": _ended(_end(disk=1)),
    "directory-elsewhere": _ended(_end(start=9)),
    "directory-outside": _ended(_end(start=2**31)),
    "directory-size": _ended(_end(size=9)),
    "zip64-nowhere": _ended(lambda end: _NOWHERE + _ALL_ONES(end)),
    "zip64-missing": _ended(_ALL_ONES),
    "zip64-huge": swapped(config=told(extra=_HUGE, size=2**32 - 1, whole=2**32 - 1)),
    "zip64-empty": swapped(config=told(extra=b"\1\0\0\0", size=2**32 - 1, whole=2**32 - 1)),
    "extra-cut": swapped(config=told(extra=b"\1\0\x63\0\0")),
    "before-hdf5": lambda: keras().ljust(2**15, b"\0") + weights_h5(),
    "cut-in-half": lambda: keras()[: len(keras()) // 2],
    "cut-by-a-byte": lambda: keras()[:-1],
    "cut-without-end": lambda: keras()[:-22],
}
for _name, _make in HEADERS.items():
    from_bytes(f"zip-{_name}", ".keras", _make)


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError


def _streamed() -> bytes:
    """As a zip tool writes into a pipe: sizes follow the bytes."""
    held = _Pipe()
    with zipfile.ZipFile(held, "w") as opened:
        for name, data in members().items():
            opened.writestr(name, data)
    return held.getvalue()


def _forced_zip64() -> bytes:
    """As Python writes what might become large: sizes of 64 bits in the local header."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as opened:
        for name, data in members().items():
            with opened.open(name, "w", force_zip64=True) as member:
                member.write(data)
    return held.getvalue()


_NOTED = _end(comment=4)
from_bytes("zip-streamed", ".keras", _streamed, TOLERATED)
from_bytes("zip-forced-64", ".keras", _forced_zip64, TOLERATED)
from_bytes("zip-comment", ".keras", _ended(lambda end: _NOTED(end) + b"note"), TOLERATED)
from_bytes("zip-no-metadata", ".keras", lambda: zipped(*sound()[1:]), TOLERATED)
from_bytes("zip-other-order", ".keras", lambda: zipped(*sound()[::-1]), BENIGN)
from_bytes(
    "zip-asset", ".keras", lambda: archive({**members(), "assets/words.txt": b"a\nb\n"}), BENIGN
)
from_bytes("zip-after-hdf5", ".h5", lambda: weights_h5() + keras(), TOLERATED)
