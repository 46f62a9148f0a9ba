"""What a file is by its first bytes, so that a file that is no model is called by its name."""

import re
from pathlib import Path

from fpcheck.errors import FpcheckError, NotAModelError
from fpcheck.formats import formats_starting, give
from fpcheck.formats.format import HDF5
from fpcheck.formats.raw_file import RawFile, raw_file

_AGAIN = "Download the file again, from its raw address."
_SAVE = "Load it where it belongs and save it with Keras as .keras or .h5."
# A pickle of the protocols 0 and 1, which have no first byte of their own: an object by its module
# and name, or a collection, and then its place in the pickle's memory, or what it is made from.
_OLD_PICKLE = re.compile(
    rb"c[A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n(p\d+\n|[q(].)|\([dlt]p\d+\n|[\]}]q.", re.DOTALL
)
# The length of the user block of an HDF5 file, if it has one; or a power of two more.
_USER_BLOCK = 512
# First bytes (at a place), what the file is, what to do.
_OTHERS: tuple[tuple[int, bytes | tuple[bytes, ...], str, str], ...] = (
    (0, b"version https://git-lfs", "a git-lfs pointer, not the model", "Run: git lfs pull"),
    (0, (b"outs:\n", b"md5: "), "a DVC pointer, not the model", "Run: dvc pull"),
    (0, b"<", "an HTML or XML page, not a model", _AGAIN),
    (0, b"\x80\x02", "a pickle (PyTorch?), not a Keras model", _SAVE),
    (0, (b"\x80\x03", b"\x80\x04", b"\x80\x05"), "a pickle, not a Keras model", _SAVE),
    (4, b"TFL3", "a TensorFlow Lite model", _SAVE),
    (8, b'{"', "a safetensors file, weights without a Keras model", _SAVE),
    (0, b"\x1f\x8b", "a gzip archive", "Unpack it: tar -xzf or gunzip."),
    (257, b"ustar", "a tar archive", "Unpack it: tar -xf."),
    (0, b"BZh", "a bzip2 archive", "Unpack it."),
    (0, b"\xfd7zXZ", "an xz archive", "Unpack it."),
    (0, b"7z\xbc\xaf", "a 7z archive", "Unpack it."),
    (0, b"PK\x05\x06", "an empty zip archive", "Save or download the model again."),
)
# First bytes of files that hold no model, of any framework, and stand for none.
_DATA = {
    b"\x93NUMPY": "a numpy array, not a model",
    b"\x89PNG": "a PNG image, not a model",
    b"\xff\xd8\xff": "a JPEG image, not a model",
    b"CDF": "a NetCDF file, not a model",
    b"%PDF": "a PDF document, not a model",
}
# The files of a TensorFlow checkpoint, beside the text `checkpoint`.
_PARTS = re.compile(r".*\.(index|data-\d{5}-of-\d{5})")
_RESTORE = "Restore it into its model in TensorFlow, and save that with Keras as .keras or .h5."


def check_kind(path: Path, text: str) -> None:
    """Refuse at once what cannot be a Keras model; messages name it by `text`."""
    try:
        if is_checkpoint(path):
            raise FpcheckError(f"{text}: a TensorFlow checkpoint, not a Keras model", _RESTORE)
        if path.is_dir():
            saved = (path / "saved_model.pb").is_file()
            what = "a TensorFlow SavedModel" if saved else "a folder, not a file"
            raise FpcheckError(f"{text}: {what}", _SAVE if saved else give())
        if not path.is_file():
            raise FpcheckError(f"{text}: not a regular file", give())
        with raw_file(path, text) as file:
            start_of(file)
    except OSError as error:
        raise FpcheckError(
            f"{text}: cannot be read ({error.strerror})", "Check its permissions."
        ) from error


def is_checkpoint(path: Path) -> bool:
    """Whether a path is of a TensorFlow checkpoint: its folder, a file, or the files' prefix."""
    if path.is_dir():
        parts = [file.name for file in path.iterdir() if _PARTS.fullmatch(file.name)]
        return any(name.endswith(".index") for name in parts) and len(parts) > 1
    if path.name == "checkpoint" or _PARTS.fullmatch(path.name):
        if not path.is_file():
            return False
        with raw_file(path, "") as file:
            return not formats_starting(file.head)
    return not path.exists() and path.with_name(f"{path.name}.index").is_file()


def start_of(file: RawFile) -> bytes:
    """The bytes by which the format of a file is known: the first, or those after a user block."""
    head, label = file.head, file.label
    if not head:
        raise FpcheckError(f"{label}: the file is empty", "Save or download the model again.")
    if formats_starting(head):
        return head
    for start, what in _DATA.items():
        if head.startswith(start):
            raise NotAModelError(f"{label}: {what}", give())
    for place, starts, what, advice in _OTHERS:
        if head[place:].startswith(starts):
            raise FpcheckError(f"{label}: {what}", advice)
    if _OLD_PICKLE.match(head):
        raise FpcheckError(f"{label}: a pickle, not a Keras model", _SAVE)
    place = _USER_BLOCK
    while place < file.region.size:
        start = file.region.read(place, len(HDF5[0]))
        if start in HDF5:
            return start
        place *= 2
    raise unknown(label)


def unknown(label: str) -> FpcheckError:
    """The error on a file that is nothing that fpcheck knows."""
    return FpcheckError(f"{label}: not in a file format that fpcheck knows", give())
