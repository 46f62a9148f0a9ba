"""A file is compared by its content, whatever its bytes are."""

import shutil
from pathlib import Path

import h5py
import keras
import pytest

from fpcheck import demo
from fpcheck.errors import FpcheckError
from fpcheck.model.source import Options
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

STATIC = Options(static=True)


def stored(name: str = "digits.h5") -> Path:
    """The bundled model in the container of that name, in the working folder."""
    path = Path(name)
    if path.suffix == ".keras":
        return Path(shutil.copy(demo.MODEL, path))
    keras.models.load_model(demo.MODEL).save(path)
    return path


def recorded(path: Path, options: Options = STATIC) -> Path:
    record_source(path, RecordRequest(name="digits"), options)
    return path


def test_a_changed_byte_is_a_mismatch_whether_the_size_changed_or_not(here: Path) -> None:
    path = recorded(stored())
    with h5py.File(path) as file:
        place = _largest(file["model_weights/conv1"]).id.get_offset()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    report = compare_source(path, CompareRequest(golden="digits"), STATIC)
    assert (report.verdict, report.first_divergent_layer) == ("mismatch", "conv1")


def _largest(group: h5py.Group) -> h5py.Dataset:
    found: list[h5py.Dataset] = []
    group.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return max(found, key=lambda item: item.size)


def test_an_equal_model_in_a_file_of_other_bytes_matches(here: Path) -> None:
    path = recorded(stored())
    with h5py.File(path, "r+") as file:
        file.attrs["saved"] = "anew"
    assert compare_source(path, CompareRequest(golden="digits"), STATIC).verdict == "match"


def test_a_damaged_golden_is_refused_though_the_bytes_are_equal(here: Path) -> None:
    path = recorded(stored())
    arrays = here / "fingerprints" / "digits" / "1.h5"
    arrays.write_bytes(arrays.read_bytes() + b"\0")
    with pytest.raises(FpcheckError) as raised:
        compare_source(path, CompareRequest(golden="digits"), STATIC)
    assert str(raised.value) == (
        f"{arrays}: damaged golden: it is not the file that 1.yaml describes\n"
        "Restore it from version control (git checkout), or record it again."
    )
