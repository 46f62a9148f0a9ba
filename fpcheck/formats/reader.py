"""Reads an open model file: its structure, and measurements of its tensors. Runs in a child."""

from collections.abc import Sequence
from pathlib import Path

from fpcheck.codec import PathText, unpack
from fpcheck.files.address import beside
from fpcheck.files.refusals import CUT_OFF, damaged, refused
from fpcheck.files.region import Region, file_region
from fpcheck.fingerprint.probe_values import first_words
from fpcheck.fingerprint.undone import Undone, Wanted
from fpcheck.formats import tensor_groups, tensor_measurement
from fpcheck.formats.assembly import Derived, Stored
from fpcheck.formats.model_file import NO_FILE, Known, open_regular
from fpcheck.formats.opened import Opened
from fpcheck.formats.reading import Reading
from fpcheck.formats.recognition import open_model
from fpcheck.processes.process_limits import allow_time


def read(descriptor: int, label: str, place: PathText, known: Known, wanted: bytes) -> Reading:
    """What a model file contains; `formats.model_file` runs this in a child.

    The descriptor is open for reading, or `NO_FILE` for a remote file. The place is the folder of a
    local file, the address of a remote one. `wanted` is a packed tuple of `undone.Wanted`, whose
    tensors are looked at more closely, or empty.
    """
    if descriptor == NO_FILE:
        opened = open_model(_remote(place), label, lambda name: _remote(beside(place, name)))
    else:
        opened = open_model(file_region(descriptor), label, lambda name: _sibling(place, name))
    stored = opened.assembled.stored
    derived = [item for item in stored if isinstance(item, Derived)]
    try:
        own = tensor_measurement.digests(stored, opened.check)
        every = frozenset(own) if known is None else known
        return Reading(
            format=opened.format,
            structure=opened.assembled.structure,
            weights=tensor_measurement.measurements(stored, own, every),
            words=first_words(item.values for item in derived if item.dtype == "string"),
            notes=tuple(opened.notes),
            undone=_undone(unpack(wanted, tuple[Wanted, ...]), stored, own) if wanted else (),
            others=_others(opened) if wanted else (),
            weightless=opened.weightless,
        )
    except EOFError as error:
        raise damaged(label, CUT_OFF) from error


def _others(opened: Opened) -> tuple[tuple[str, bytes], ...]:
    found = tensor_groups.others(opened.root, opened.assembled.stored) if opened.root else []
    digests = tensor_measurement.digests(found)
    return tuple((item.name, digest) for item, digest in zip(found, digests, strict=True))


def _undone(
    wanted: Sequence[Wanted], stored: Sequence[Stored], own: Sequence[bytes]
) -> tuple[Undone | None, ...]:
    from fpcheck.fingerprint.undoing import undo  # only after a mismatch

    held = dict(zip(own, stored, strict=True))
    allow_time(sum(held[item.candidate.digest].nbytes for item in wanted))
    return undo(wanted, lambda digest: tensor_measurement.values(held[digest]))


def _remote(address: str) -> Region:
    from fpcheck.files.remote_files import open_remote  # also imports network libraries

    return open_remote(address)


def _sibling(folder: str, name: str) -> Region:
    path = Path(folder) / name
    if len(name.encode()) > 255 or path.is_symlink():
        raise refused(name[:80], "a link, or no name of a file", "Put the file itself there.")
    return file_region(open_regular(str(path), name))
