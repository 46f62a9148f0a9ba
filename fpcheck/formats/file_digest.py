"""The digest of all bytes of a file, without parsing it: this imports neither numpy nor h5py."""

import os

from fpcheck.files.refusals import CUT_OFF, damaged
from fpcheck.files.region import FileRegion
from fpcheck.fingerprint import digest
from fpcheck.processes.process_limits import allow_time


def file_digest(descriptor: int, label: str) -> str:
    """The BLAKE3 of an open file as text; `formats.model_file` runs this in a child."""
    size = os.fstat(descriptor).st_size
    allow_time(size)
    hasher = digest.plain_hasher(size)
    try:
        FileRegion(descriptor, 0, size).scan(0, size, hasher.update)
    except EOFError as error:
        raise damaged(label, CUT_OFF) from error
    return digest.text(hasher.digest())
