"""What is found where a model should be: other formats, damaged files, no files at all."""

import bz2
import gzip
import io
import os
import pickle
import socket
import stat
import struct
import tarfile
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from attacks.archives import object_npz
from attacks.register import ATTACKS, FLIPPED, TOLERATED, from_bytes, listed
from attacks.valid import (
    CONTAINERS,
    Place,
    Writer,
    archive,
    flipped,
    keras,
    legacy_h5,
    members,
    neighbour,
    pickled,
    weights_h5,
    write,
)

SIGNATURE = b"\x89HDF\r\n\x1a\n"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 12345\n"
PAGE = b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not found</body></html>\n"


def _tar(data: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as opened:
        entry = tarfile.TarInfo("model.h5")
        entry.size = len(data)
        opened.addfile(entry, io.BytesIO(data))
    return held.getvalue()


def _numpy(save: Callable[..., None]) -> bytes:
    held = io.BytesIO()
    save(held, np.ones(3, "f4"))
    return held.getvalue()


# Each stands under a name that promises a model.
FORMATS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty": (".h5", lambda: b""),
    "empty-archive": (".keras", lambda: b""),
    "one-byte": (".h5", lambda: b"\x89"),
    "signature-only": (".h5", lambda: SIGNATURE),
    "signature-and-zeros": (".h5", lambda: SIGNATURE + bytes(2000)),
    "signature-and-noise": (".h5", lambda: SIGNATURE + bytes(range(256)) * 40),
    "zip-signature-only": (".keras", lambda: b"PK\x03\x04"),
    "zeros": (".h5", lambda: bytes(2**20)),
    "git-lfs-pointer": (".h5", lambda: LFS),
    "git-lfs-pointer-archive": (".keras", lambda: LFS),
    "dvc-pointer": (".h5", lambda: b"outs:\n- md5: " + b"4d" * 16 + b"\n  path: model.h5\n"),
    "html": (".h5", lambda: PAGE),
    "html-in-small-letters": (".keras", lambda: b"\n  " + PAGE.lower()),
    "xml": (".keras", lambda: b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
    "json-config": (".keras", lambda: members()["config.json"]),
    "words": (".h5", lambda: b"cat\ndog\npig\n"),
    "plain-text": (".h5", lambda: b"the model lies on the share\n"),
    "utf-16-text": (".h5", lambda: "the model".encode("utf-16")),
    "shell-script": (".h5", lambda: b"#!/bin/sh\necho model\n"),
    "tflite": (".h5", lambda: b"\x1c\0\0\0TFL3" + bytes(64)),
    "onnx": (".keras", lambda: b"\x08\x08\x12\x07pytorch\x1a\x032.1:\x10\n\x0e\n\x01x\x12\x01y"),
    "saved_model": (".pb", lambda: b"\x08\x01\x12\x89\x02\n\x17\n\x05serve" + bytes(99)),
    "safetensors": (".keras", lambda: struct.pack("<Q", 17) + b'{"a":{"dtype":"F"'),
    "gguf": (".h5", lambda: b"GGUF\3\0\0\0" + bytes(64)),
    "npy": (".h5", lambda: _numpy(np.save)),
    "npz": (".keras", lambda: _numpy(np.savez)),
    "tar": (".keras", lambda: _tar(keras())),
    "tar-gz": (".h5", lambda: gzip.compress(_tar(legacy_h5()), mtime=0)),
    "gzipped": (".h5", lambda: gzip.compress(legacy_h5(), mtime=0)),
    "bzipped": (".h5", lambda: bz2.compress(legacy_h5())),
    "zipped-h5": (".keras", lambda: archive({"model.h5": legacy_h5()})),
    "zipped-folder": (".keras", lambda: archive({f"m/{k}": v for k, v in members().items()})),
    "png": (".h5", lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40)),
    "elf": (".h5", lambda: b"\x7fELF\2\1\1" + bytes(99)),
    "hdf4": (".h5", lambda: b"\x0e\x03\x13\x01" + bytes(99)),
    "netcdf": (".h5", lambda: b"CDF\1" + bytes(99)),
    "hdf5-without-a-model": (".h5", lambda: _hdf5(table=np.arange(9))),
    "hdf5-of-nothing": (".h5", lambda: _hdf5()),
    "hdf5-of-nothing-named-weights": (".weights.h5", lambda: _hdf5()),
}


def _hdf5(**held: object) -> bytes:
    def change(at: Place) -> None:
        for name in list(at.file):
            del at.file[name]
        for name, value in held.items():
            at.file[name] = value

    return weights_h5(change)


def _torch(path: Path) -> None:
    held = {"archive/data.pkl": pickled(path), "archive/version": b"3\n"}
    write(path, archive(held))


def _pickle(protocol: int) -> Writer:
    return lambda path: write(path, pickled(path, protocol))


for _name, (_suffix, _make) in FORMATS.items():
    from_bytes(_name, _suffix, _make)
for _protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    listed(f"pickle-{_protocol}", ".h5", _pickle(_protocol))
for _protocol in (0, 1):
    for _held in ({"a": 1}, ["a"], OrderedDict(a=1)):
        _name = f"pickled-{type(_held).__name__}-{_protocol}"
        from_bytes(_name, ".keras", partial(pickle.dumps, _held, _protocol))
listed("npz-of-objects", ".keras", lambda path: write(path, object_npz(path)))
listed("torch-archive", ".keras", _torch)

# --- damaged: a copy that stopped, a copy in text mode ---


def _damage(suffix: str, harm: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    return lambda: harm(CONTAINERS[suffix]())


def _cut(length: int) -> Callable[[bytes], bytes]:
    return lambda image: image[:length]


def _blanked(image: bytes) -> bytes:
    third = len(image) // 3
    return image[:third] + bytes(third) + image[2 * third :]


for _suffix in CONTAINERS:
    for _length in (9, 48, 96, 512, 800, 2048, 4000):
        from_bytes(f"cut-at-{_length}", _suffix, _damage(_suffix, _cut(_length)))
    for _lost in (1, 100):
        from_bytes(f"cut-by-{_lost}", _suffix, _damage(_suffix, _cut(-_lost)))
    from_bytes("copied-as-text", _suffix, _damage(_suffix, lambda b: b.replace(b"\n", b"\r\n")))
    from_bytes("zeros-in-the-middle", _suffix, _damage(_suffix, _blanked))


FLIPS = 50


def _flip(suffix: str, number: int) -> Callable[[], bytes]:
    return lambda: flipped(CONTAINERS[suffix](), number)


for _suffix in CONTAINERS:
    for _number in range(FLIPS):
        from_bytes(f"bit-{_number}", _suffix, _flip(_suffix, _number), FLIPPED)

# --- no regular file ---


def _saved_model(path: Path) -> None:
    (path / "variables").mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(FORMATS["saved_model"][1]())
    (path / "variables" / "variables.index").write_bytes(bytes(9))


def _unpacked(path: Path) -> None:
    """A `.keras` archive unpacked into a folder of that name, one part of it a link away."""
    path.mkdir()
    for name, data in members().items():
        (path / name).write_bytes(data)
    (path / "model.weights.h5").unlink()
    (path / "model.weights.h5").symlink_to(neighbour(path.parent))


def _socket(path: Path) -> None:
    """A socket; a long path cannot be bound, so it is made without one."""
    if hasattr(socket, "AF_UNIX"):
        os.mknod(path, stat.S_IFSOCK | 0o600)


def _unreadable(path: Path) -> None:
    write(path, legacy_h5())
    path.chmod(0)


def _loop(path: Path) -> None:
    other = path.with_name(f"{path.name}.other")
    other.symlink_to(path)
    path.symlink_to(other)


PLACES: dict[str, tuple[str, Writer]] = {
    "folder": (".keras", Path.mkdir),
    "folder-of-a-saved-model": ("", _saved_model),
    "folder-of-an-archive": (".keras", _unpacked),
    "pipe": (".h5", os.mkfifo),
    "socket": (".keras", _socket),
    "link-to-zeros": (".h5", lambda path: path.symlink_to("/dev/zero")),
    "link-to-null": (".h5", lambda path: path.symlink_to("/dev/null")),
    "link-to-terminal": (".h5", lambda path: path.symlink_to("/dev/tty")),
    "link-to-memory": (".h5", lambda path: path.symlink_to("/proc/self/mem")),
    "link-to-itself": (".h5", lambda path: path.symlink_to(path)),
    "link-loop": (".keras", _loop),
    "link-to-nothing": (".h5", lambda path: path.symlink_to(path.with_name("nothing"))),
}
for _name, (_suffix, _writer) in PLACES.items():
    listed(_name, _suffix, _writer)
# Root reads what nobody may.
listed("unreadable", ".h5", _unreadable, TOLERATED if os.geteuid() == 0 else ATTACKS)

# --- names of files: a refusal shows them, and a terminal or a CI log must not obey them ---

for _name in (
    "\x1b[31mred\x07",
    "line\nbreak",
    "line\r\n::error::all is well",
    "\u202e5h",
    "\udcff\udcfe",
    "[bold red]markup",
    "-o",
    " ",
    "a" * 200,
):
    from_bytes(f"{_name}-cut", ".h5", lambda: legacy_h5()[:999])
    from_bytes(_name, ".keras", keras, TOLERATED)
