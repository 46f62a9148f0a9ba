"""A file whose bytes are the recorded ones is judged by them, and just as if it were parsed."""

import importlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from msgspec.structs import replace

from fpcheck import demo
from fpcheck.codec import PathText
from fpcheck.errors import FpcheckError
from fpcheck.files import region
from fpcheck.fingerprint import digest
from fpcheck.formats.model_file import ModelFile, digesting, open_regular
from fpcheck.golden.store import Store
from fpcheck.model.source import Options
from fpcheck.model.worker_client import RemoteSession
from fpcheck.processes import limited_process
from fpcheck.report.report import Report
from fpcheck.workflows import compare, record
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.record import record_source
from fpcheck.workflows.request import Request
from fpcheck.workflows.unchanged import unchanged

STATIC = Options(static=True)


@pytest.fixture(autouse=True)
def shortcut(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users have it; elsewhere in the tests files are always parsed."""
    monkeypatch.setattr(compare, "unchanged", unchanged)


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


def parsed(path: str, request: Request, options: Options = STATIC) -> Report:
    """What is said of a file that is parsed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "unchanged", lambda *_: None)
        return compare_source(path, request, options)


@pytest.mark.parametrize("name", ["digits.keras", "digits.h5", "stray.h5", "nan.h5"])
@pytest.mark.parametrize("levels", [None, ("structure",), ("structure", "weights", "outputs")])
def test_the_report_is_that_on_the_parsed_file(
    name: str, levels: tuple[str, ...] | None, here: Path
) -> None:
    path = stored(name)
    if name != "digits.keras":
        with h5py.File(path, "r+") as file:
            group = file["model_weights/conv1"]
            if name == "stray.h5":
                group["stray"] = np.ones(3)
            if name == "nan.h5":
                group.visititems(lambda _, item: _fill(item))
    request = Request(golden="digits", levels=levels)
    recorded(path)
    sooner = unchanged(name, request, STATIC)
    assert sooner is not None
    assert replace(sooner, elapsed_seconds=0) == replace(parsed(name, request), elapsed_seconds=0)
    assert bool(sooner.notes) == (name == "stray.h5")


def _fill(item: object) -> None:
    if isinstance(item, h5py.Dataset):
        item[...] = np.nan


def test_outputs_are_proved_as_those_of_the_parsed_file_are(
    here: Path, worker: RemoteSession
) -> None:
    record_source(stored(), record.Request(), Options(), worker)
    for options in (Options(), STATIC):
        sooner = unchanged("digits.h5", Request(), options)
        assert sooner is not None
        later = parsed("digits.h5", Request(), options)
        assert replace(sooner, elapsed_seconds=0) == replace(later, elapsed_seconds=0)
        assert (sooner.verdict, sooner.levels["outputs"].status) == ("match", "proved")


@pytest.mark.parametrize(
    ("request_", "options", "environment"),
    [
        (Request(), Options(), {"KERAS_BACKEND": "jax"}),
        (Request(), Options(), {"TF_ENABLE_ONEDNN_OPTS": "0"}),
        (Request(preprocess="tf"), Options(), {}),
        (Request(levels=("outputs",)), Options(), {}),
        (Request(full=True), STATIC, {}),
        (Request(), Options(model=PathText("resnet50")), {}),
        (Request(tolerance="float99"), Options(), {}),
        (Request(levels=("logits",)), Options(), {}),
        (Request(levels=()), Options(), {}),
    ],
    ids=str,
)
def test_bytes_do_not_decide_what_takes_the_model_itself(
    request_: Request, options: Options, environment: dict[str, str], here: Path,
    worker: RemoteSession, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    record_source(stored(), record.Request(), Options(), worker)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert unchanged("digits.h5", request_, options) is None


def test_a_model_of_custom_code_is_not_proved_by_its_bytes(
    here: Path, worker: RemoteSession
) -> None:
    importlib.import_module("models").custom_net().save("custom.keras")
    options = Options(custom_objects="models")
    record_source("custom.keras", record.Request(), options, worker)
    assert unchanged("custom.keras", Request(), options) is None
    weights = unchanged("custom.keras", Request(levels=("structure", "weights")), options)
    assert weights is not None
    assert weights.verdict == "match"


@pytest.mark.parametrize(
    ("name", "shards"), [("digits.weights.h5", None), ("digits.weights.json", 1e-4)]
)
def test_bytes_of_weights_alone_do_not_tell_the_architecture(
    name: str, shards: float | None, here: Path
) -> None:
    keras.models.load_model(stored("digits.keras")).save_weights(name, max_shard_size=shards)
    recorded(Path(name), Options(static=True, model=PathText("digits.keras")))
    assert unchanged(name, Request(golden="digits"), STATIC) is None


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
    assert unchanged("digits.h5", Request(golden="digits"), STATIC) is None
    assert compare_source(path, Request(golden="digits"), STATIC).verdict == "match"


def test_a_golden_that_does_not_tell_the_size_is_compared_all_the_same(here: Path) -> None:
    path = recorded(stored())
    golden = Store(here / "fingerprints").entry("digits")
    assert golden is not None
    first = golden.load()
    told = replace(first, version=2, source=replace(first.source, size=None))
    Store(here / "fingerprints").save(told)
    assert unchanged("digits.h5", Request(golden="digits"), STATIC) is None
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


def test_neither_numpy_nor_h5py_nor_a_framework_is_imported(here: Path) -> None:
    recorded(stored())
    code = (
        "import sys; from fpcheck.cli import run; sys.argv[1:] = "
        "['compare', 'digits.h5', '--static', '--golden', 'digits']; status = run(); "
        "print(status, {'numpy', 'h5py', 'tensorflow', 'keras'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 set()"


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


def test_a_fresh_process_hashes_where_forking_is_not_safe(here: Path) -> None:
    recorded(stored())
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        assert not limited_process.may_fork()
        report = unchanged("digits.h5", Request(golden="digits"), STATIC)
    finally:
        done.set()
        other.join()
    assert report is not None
    assert report.verdict == "match"


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
    job = limited_process.Job(descriptor, "large.bin", PathText(), None, whole=True)
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
