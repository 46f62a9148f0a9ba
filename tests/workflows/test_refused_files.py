"""A file that Keras refuses to load: what was read of it is reported, with Keras's reason."""

import importlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import pytest
from keras import layers as kl
from models import custom_net, filled

from fpcheck.errors import FpcheckError
from fpcheck.model.source import Options
from fpcheck.model.worker_client import WorkerClient
from fpcheck.report.report import Report
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

STATIC = Options(static=True)
MISFIT = "Its weights do not fit its layers: save it again from the model that it was made of."


def net() -> keras.Model:
    x = keras.Input((4,), name="x")
    return filled(keras.Model(x, kl.Dense(3, name="y")(kl.LayerNormalization(name="norm")(x))))


def rewritten(path: str, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change one member of an archive."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)


def without_normalization(data: bytes) -> bytes:
    file = io.BytesIO(data)
    with h5py.File(file, "a") as opened:
        del opened["layers/layer_normalization"]
    return file.getvalue()


def outputs(report: Report) -> tuple[str, str | None]:
    return report.levels["outputs"].status, report.levels["outputs"].reason


@pytest.fixture
def recorded(here: Path, worker: WorkerClient) -> str:
    """The name of a file whose golden has outputs."""
    net().save("net.keras")
    record_source("net.keras", RecordRequest(name="net"), Options(), worker)
    return "net.keras"


def test_a_group_that_is_missing_is_told_by_what_was_read(
    recorded: str, worker: WorkerClient
) -> None:
    rewritten(recorded, "model.weights.h5", without_normalization)
    report = compare_source(recorded, CompareRequest(golden="net"), Options(), worker)
    assert (report.verdict, report.diagnoses[0].code) == ("mismatch", "tensors-missing")
    assert outputs(report) == (
        "skipped",
        "net.keras: cannot be loaded: A total of 1 objects could not be loaded. Example error "
        "message for object <LayerNormalization name=norm, built=True>: Layer 'norm' expected 2 "
        "variables, but received 0 variables during loading. Expected: ['gamma', 'beta']; "
        "not proved: the model differs",
    )
    assert report.notes == [f"the model was not run. {MISFIT}"]


def test_recording_a_file_that_cannot_be_loaded_stays_an_error(
    recorded: str, worker: WorkerClient
) -> None:
    rewritten(recorded, "model.weights.h5", without_normalization)
    with pytest.raises(FpcheckError, match=r"^net\.keras: cannot be loaded: A total") as caught:
        record_source(recorded, RecordRequest(name="other"), Options(), worker)
    assert caught.value.advice == MISFIT


def test_a_missing_custom_class_leaves_equal_levels_incomplete(
    here: Path, worker: WorkerClient
) -> None:
    custom_net().save("custom.keras")
    known = Options(custom_objects="models")
    record_source("custom.keras", RecordRequest(name="custom"), known, worker)
    worker.close()  # in which the classes are registered
    report = compare_source("custom.keras", CompareRequest(golden="custom"), Options(), worker)
    assert (report.verdict, report.exit_code) == ("incomplete", 3)
    assert {name: level.status for name, level in report.levels.items()} == {
        "structure": "pass",
        "weights": "pass",
        "outputs": "skipped",
    }
    assert (outputs(report)[1] or "").startswith(
        "custom.keras: cannot be loaded: Could not locate class "
    )
    assert (outputs(report)[1] or "").endswith(
        "so that the decorator is run before trying to load them; not proved: the model has "
        "custom code"
    )
    assert report.notes == [
        "the model was not run. Name the module of its layers: --custom-objects package.module."
    ]


def test_a_module_that_is_not_there_stays_an_error(here: Path, worker: WorkerClient) -> None:
    custom_net().save("custom.keras")
    known, wrong = Options(custom_objects="models"), Options(custom_objects="modles")
    record_source("custom.keras", RecordRequest(name="custom"), known, worker)
    with pytest.raises(FpcheckError, match="cannot import modles: No module named 'modles'"):
        compare_source("custom.keras", CompareRequest(golden="custom"), wrong, worker)


def test_code_that_is_not_trusted_leaves_equal_levels_incomplete(
    here: Path, worker: WorkerClient
) -> None:
    x = keras.Input((4,), name="x")
    twice = kl.Lambda(lambda tensor: tensor * 2, name="twice")(x)
    filled(keras.Model(x, kl.Dense(2, name="y")(twice))).save("code.keras")
    request = CompareRequest(golden="code", full=True)
    record_source("code.keras", RecordRequest(name="code"), Options(trust=True), worker)
    report = compare_source("code.keras", request, Options(), worker)
    assert report.verdict == "incomplete"
    assert (outputs(report)[1] or "").startswith(
        "code.keras: cannot be loaded: Requested the deserialization of a `Lambda` layer"
    )
    assert report.notes == [
        "the model was not run. The file contains code. If you trust its source, allow it with "
        "--trust."
    ]
    assert compare_source("code.keras", request, Options(trust=True), worker).verdict == "match"


def of_a_newer_keras(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "keras_version": "99.1.0"}).encode()


def with_an_argument_of_tomorrow(data: bytes) -> bytes:
    config = json.loads(data)
    config["config"]["layers"][-1]["config"]["sharding"] = "rows"
    return json.dumps(config).encode()


def test_a_file_of_a_newer_keras_is_told_as_that(recorded: str, worker: WorkerClient) -> None:
    rewritten(recorded, "metadata.json", of_a_newer_keras)
    report = compare_source(recorded, CompareRequest(golden="net", full=True), Options(), worker)
    assert report.verdict == "match"  # it loads all the same
    rewritten(recorded, "config.json", with_an_argument_of_tomorrow)
    report = compare_source(recorded, CompareRequest(golden="net", full=True), Options(), worker)
    assert outputs(report) == (
        "skipped",
        "net.keras: cannot be loaded (written by Keras 99.1.0, and Keras "
        f"{keras.__version__} is installed): Unrecognized keyword arguments passed to Dense: "
        "{'sharding': 'rows'}; not proved: the model differs",
    )
    assert report.notes == ["the model was not run. Update Keras: pip install -U keras."]


def test_a_legacy_file_of_a_newer_keras_is_told_as_that(here: Path, worker: WorkerClient) -> None:
    net().save("net.h5")
    with h5py.File("net.h5", "r+") as file:
        file.attrs["keras_version"] = "99.1.0"
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1]["config"]["sharding"] = "rows"
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(FpcheckError) as caught:
        record_source("net.h5", RecordRequest(name="net"), Options(), worker)
    assert str(caught.value) == (
        f"net.h5: cannot be loaded (written by Keras 99.1.0, and Keras {keras.__version__} is "
        "installed): Unrecognized keyword arguments passed to Dense: {'sharding': 'rows'}\n"
        "Update Keras: pip install -U keras."
    )


DYING = """
import os, keras
@keras.saving.register_keras_serializable("tests")
class Same(keras.layers.Layer):
    def call(self, x):
        return {}
"""


def test_a_worker_that_dies_leaves_what_was_read(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(here), prepend=":")
    monkeypatch.syspath_prepend(here)
    Path("dying.py").write_text(DYING.format("x"))
    dying = importlib.import_module("dying")

    filled(keras.Sequential([keras.Input((4,)), dying.Same(), kl.Dense(2)])).save("dying.keras")
    options = Options(custom_objects="dying")
    record_source("dying.keras", RecordRequest(name="dying"), options)
    Path("dying.py").write_text(DYING.format("os._exit(9)"))
    report = compare_source("dying.keras", CompareRequest(golden="dying"), options)
    assert report.verdict == "incomplete"
    assert outputs(report) == (
        "skipped",
        "the process that loads the model ended with status 9; not proved: the model has custom "
        "code",
    )


def test_a_vocabulary_that_no_file_holds_is_told(here: Path, worker: WorkerClient) -> None:
    words = kl.StringLookup(name="words")
    words.adapt(["cat", "dog"])
    x = keras.Input((1,), dtype="string", name="x")
    keras.Model(x, kl.Embedding(4, 2, name="y")(words(x))).save("words.h5")
    with pytest.raises(FpcheckError) as caught:
        record_source("words.h5", RecordRequest(name="words"), Options(), worker)
    assert (caught.value.fact, caught.value.advice) == (
        "the model cannot be run: the vocabulary of a lookup layer is not in its file",
        "Save the model as .keras, which keeps vocabularies, or leave outputs out: --levels "
        "structure,weights.",
    )
    levels = ("structure", "weights")
    found = record_source("words.h5", RecordRequest(name="words", levels=levels), Options())
    assert found.stored
