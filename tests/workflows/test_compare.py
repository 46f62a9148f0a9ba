"""Files are compared by their content, and hashed whole when they are recorded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from fpcheck import demo
from fpcheck.errors import FpcheckError
from fpcheck.files import region
from fpcheck.fingerprint import digest
from fpcheck.formats.model_file import ModelFile, digesting, open_regular
from fpcheck.model.source import Options
from fpcheck.processes import limited_process
from fpcheck.workflows import record
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.record import record_source
from fpcheck.workflows.request import Request

STATIC = Options(static=True)


def stored(name: str = "digits.h5") -> Path:
    """The bundled model in the container of that name, in the working folder."""
    path = Path(name)
    if path.suffix == ".keras":
        return Path(shutil.copy(demo.MODEL, path))
    keras.models.load_model(demo.MODEL).save(path)
    return path


def recorded(path: Path, options: Options = STATIC) -> Path:
    record_source(path, record.Request(name="digits"), options)
    return path


def test_a_changed_byte_is_a_mismatch_whether_the_size_changed_or_not(here: Path) -> None:
    path = recorded(stored())
    with h5py.File(path) as file:
        place = _largest(file["model_weights/conv1"]).id.get_offset()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    report = compare_source(path, Request(golden="digits"), STATIC)
    assert (report.verdict, report.first_divergent_layer) == ("mismatch", "conv1")


def _largest(group: h5py.Group) -> h5py.Dataset:
    found: list[h5py.Dataset] = []
    group.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return max(found, key=lambda item: item.size)


def test_an_equal_model_in_a_file_of_other_bytes_matches(here: Path) -> None:
    path = recorded(stored())
    with h5py.File(path, "r+") as file:
        file.attrs["saved"] = "anew"
    assert compare_source(path, Request(golden="digits"), STATIC).verdict == "match"


def test_a_damaged_golden_is_refused_though_the_bytes_are_equal(here: Path) -> None:
    path = recorded(stored())
    arrays = here / "fingerprints" / "digits" / "1.h5"
    arrays.write_bytes(arrays.read_bytes() + b"\0")
    with pytest.raises(FpcheckError) as raised:
        compare_source(path, Request(golden="digits"), STATIC)
    assert str(raised.value) == (
        f"{arrays}: damaged golden: it is not the file that 1.yaml describes\n"
        "Restore it from version control (git checkout), or record it again."
    )


@pytest.mark.parametrize(
    ("loaded", "safe"), [("json", True), ("tensorflow", False), ("jax", False), ("torch", False)]
)
def test_forking_is_not_safe_beside_a_framework(loaded: str, safe: bool) -> None:
    code = (
        f"import sys; sys.modules[{loaded!r}] = sys; "
        "from fpcheck.processes.limited_process import may_fork; "
        "print(may_fork())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{safe}\n"


def test_each_byte_is_read_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = here / "large.bin"
    path.write_bytes(np.arange(2**22, dtype="<u4").tobytes() + b"and a rest")
    read: list[int] = []
    mapped = region._mapped

    def counting(descriptor: int, start: int, size: int) -> object:
        read.append(size)
        return mapped(descriptor, start, size)

    monkeypatch.setattr(region, "_mapped", counting)
    descriptor = open_regular(str(path), "large.bin")
    job = limited_process.Job(descriptor, "large.bin", "", None, whole=True)
    assert limited_process._digested(job).decode() == digest.text(
        digest.of_bytes(path.read_bytes())
    )
    assert sum(read) == path.stat().st_size
    assert max(read) <= region.WINDOW
    assert digesting(descriptor, "large.bin").answer() == limited_process._digested(job)
    os.close(descriptor)


def test_a_file_that_is_written_to_while_it_is_recorded_is_no_golden(here: Path) -> None:
    path = stored()
    file = ModelFile(str(path), "digits.h5")
    file.reading(None)
    with path.open("r+b") as other:
        other.seek(-1, os.SEEK_END)
        other.write(b"x")
    os.utime(path, ns=(1, 1))
    with pytest.raises(FpcheckError) as raised:
        file.whole()
    file.close()
    assert str(raised.value) == (
        "digits.h5: was changed while it was read\nRun this again when nothing writes to it."
    )
