"""Reads an open model file: its structure, and measurements of its tensors. Runs in a child."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fpcheck.codec import unpack
from fpcheck.files.address import beside
from fpcheck.files.refusals import CUT_OFF, damaged, refused
from fpcheck.files.region import FileRegion, Region, StreamRegion
from fpcheck.fingerprint.probe_values import first_words
from fpcheck.formats import recognition, tensor_groups, tensor_measurement
from fpcheck.formats.assembly import Derived, Stored
from fpcheck.formats.model_file import NO_FILE, Job, open_regular
from fpcheck.formats.opened import Opened
from fpcheck.formats.reading import Reading
from fpcheck.processes.process_limits import allow_time

if TYPE_CHECKING:
    from fpcheck.fingerprint.undone import Undone


def read(job: Job) -> Reading:
    """What a model file contains; `formats.model_file` runs this in a child."""
    label = job.label
    if job.descriptor == NO_FILE:
        region = _remote(job.place)
        opened = recognition.open_model(
            region, label, lambda name: _remote(beside(job.place, name))
        )
    else:
        local = FileRegion(job.descriptor, 0, os.fstat(job.descriptor).st_size)
        opened = recognition.open_model(local, label, lambda name: _sibling(job.place, name))
    assembled = opened.assembled
    try:
        own = tensor_measurement.digests(assembled.stored, opened.check)
        known = frozenset(own) if job.known is None else job.known
        weights = tensor_measurement.measurements(assembled.stored, own, known)
        undone = _undone(job.wanted, assembled.stored, own)
        others = _others(opened) if job.wanted else ()
    except EOFError as error:
        raise damaged(label, CUT_OFF) from error
    return Reading(
        format=opened.format,
        structure=assembled.structure,
        weights=weights,
        words=_words(assembled.stored),
        notes=tuple(opened.notes),
        undone=undone,
        others=others,
        bare=opened.bare,
    )


def _others(opened: Opened) -> tuple[tuple[str, bytes], ...]:
    if opened.root is None:
        return ()
    found = tensor_groups.others(opened.root, opened.assembled.stored)
    digests = tensor_measurement.digests(found, lambda: None)
    return tuple((item.name, digest) for item, digest in zip(found, digests, strict=True))


def _undone(
    wanted: bytes, stored: Sequence[Stored], own: Sequence[bytes]
) -> "tuple[Undone | None, ...]":
    if not wanted:
        return ()
    from fpcheck.fingerprint.undoing import undo  # only after a mismatch
    from fpcheck.fingerprint.undone import Wanted

    held = dict(zip(own, stored, strict=True))
    asked = unpack(wanted, tuple[Wanted, ...])
    allow_time(sum(tensor_measurement.nbytes(held[item.candidate.digest]) for item in asked))
    return undo(asked, lambda digest: tensor_measurement.values(held[digest]))


def _words(stored: Sequence[Stored]) -> tuple[str, ...]:
    held = (s for s in stored if isinstance(s, Derived) and s.dtype == "string")
    return first_words(item.values for item in held)


def _remote(address: str) -> Region:
    from fpcheck.files.remote_files import open_stream  # and what networks need

    stream, size = open_stream(address)
    return StreamRegion(stream, 0, size)


def _sibling(folder: str, name: str) -> Region:
    path = Path(folder) / name
    if len(name.encode()) > 255 or path.is_symlink():
        raise refused(name[:80], "a link, or no name of a file", "Put the file itself there.")
    descriptor = open_regular(str(path), name)
    return FileRegion(descriptor, 0, os.fstat(descriptor).st_size)
