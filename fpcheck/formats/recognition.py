"""Which format a file has."""

from dataclasses import replace

from fpcheck.errors import FpcheckError
from fpcheck.files.region import Region
from fpcheck.formats import formats_starting, other_files
from fpcheck.formats.file_head import start_of
from fpcheck.formats.format import HDF5, Format, Sibling
from fpcheck.formats.opened import Opened
from fpcheck.formats.raw_file import RawFile


def recognise(file: RawFile) -> Format:
    """The format of a file."""
    for known in formats_starting(start_of(file)):
        if known.code.recognises(file):
            return known
    raise other_files.unrecognised(file)


def open_model(region: Region, label: str, sibling: Sibling) -> Opened:
    """Open a model file of any format, without reading its tensors."""
    file = RawFile(region, label)
    known = recognise(file)
    try:
        opened = replace(known.code.read(file, sibling), format=known.name)
    except FpcheckError:
        if known.begins == HDF5:
            other_files.check_hdf5(file)
        raise
    if known.begins == HDF5 and not opened.assembled.stored:
        other_files.check_hdf5(file)  # a file without tensors may be somebody else's
    return opened
