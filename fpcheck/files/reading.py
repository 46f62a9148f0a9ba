"""What the child does with a model file: open it, read its structure, measure its tensors."""

import os
from pathlib import Path
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.files import containers, measuring
from fpcheck.files.kinds import HEAD_BYTES, check_head
from fpcheck.files.opening import NO_FILE, open_regular
from fpcheck.files.readout import Reading
from fpcheck.files.region import FileRegion, Region, StreamRegion
from fpcheck.files.remote import open_stream

# Words of vocabularies that are handed on.
MOST_WORDS = 200


def read(descriptor: int, label: str, folder: str, known: frozenset[bytes] | None) -> Reading:
    """Read an open model file.

    Args:
        descriptor: of the file, open for reading; `NO_FILE` for a remote one.
        label: how messages name it.
        folder: where other files of a model in several lie.
        known: digests that need no details; None if no details are wanted at all.
    """
    if descriptor == NO_FILE:
        check_head((region := _remote(label)).read(0, HEAD_BYTES), label)
        opened = containers.open_model(region, label, lambda name: _remote(f"{folder}/{name}"))
    else:
        local = FileRegion(descriptor, 0, os.fstat(descriptor).st_size)
        opened = containers.open_model(local, label, lambda name: _sibling(folder, name))
    assembled = opened.assembled
    own = measuring.digests(assembled.stored, opened.check)
    everything = frozenset(own) if known is None else known
    weights = measuring.measurements(assembled.stored, own, everything)
    return Reading(opened.format, assembled.structure, weights, _words(assembled.stored),
                   tuple(opened.notes))  # fmt: skip


def _words(stored: list[Any]) -> tuple[str, ...]:
    words = [
        str(word)
        for item in stored
        if isinstance(item, tuple) and item[1] == "string"
        for word in item[0][: MOST_WORDS + 2]
        if word and not str(word).startswith("[")
    ]
    return tuple(dict.fromkeys(words))[:MOST_WORDS]


def _remote(address: str) -> Region:
    stream, size = open_stream(address)
    return StreamRegion(stream, 0, size)


def _sibling(folder: str, name: str) -> Region:
    path = Path(folder) / name
    if len(name.encode()) > 255 or path.is_symlink():
        raise FpcheckError(
            f"{name[:80]}: refused: a link, or no name of a file", "Put the file itself there."
        )
    descriptor = open_regular(str(path), name)
    return FileRegion(descriptor, 0, os.fstat(descriptor).st_size)
