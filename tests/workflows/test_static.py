"""`--static` reads and never runs; all else that can be read is not run either."""

import os
import shutil
from pathlib import Path

import h5py
import keras
import pytest

from fpcheck import demo, load_golden
from fpcheck.comparison.verdict import LevelResult
from fpcheck.errors import FpcheckError
from fpcheck.model.source import Options
from fpcheck.model.worker_client import WorkerClient
from fpcheck.workflows import compare
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.diff import diff_sources
from fpcheck.workflows.hash_ import hash_weights
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

STATIC = Options(static=True)


class NeverStarted(WorkerClient):
    """A worker that must not be needed."""

    def _start(self) -> None:
        raise AssertionError("the framework was started")


@pytest.fixture
def model(here: Path) -> Path:
    """The bundled model, whose golden `demo-digits` comes with fpcheck."""
    return Path(shutil.copy(demo.MODEL, here / "digits.keras"))


@pytest.mark.parametrize("options", [STATIC, Options()], ids=["static", "plain"])
def test_an_unchanged_file_is_proved_without_a_framework(options: Options, model: Path) -> None:
    report = compare_source(model, CompareRequest(golden="demo-digits"), options, NeverStarted())
    assert report.verdict == "match"
    assert {name: level.status for name, level in report.levels.items()} == {
        "structure": "pass",
        "weights": "pass",
        "outputs": "proved",
    }


def test_a_layer_that_was_saved_before_it_was_built_is_told(here: Path) -> None:
    late = keras.Sequential([keras.layers.Dense(3, name="dense"), keras.layers.ReLU(name="relu")])
    late.save("late.keras")
    found = record_source("late.keras", RecordRequest(name="late"), STATIC)
    assert found.warnings == (
        "dense contains no weights: it was saved before it was built, and Keras loads it with "
        "random weights",
    )


def test_a_changed_file_fails_and_its_outputs_are_said_to_be_skipped(model: Path) -> None:
    changed = keras.models.load_model(model)
    changed.get_layer("bn1").set_weights(
        [w * 0 + 1 for w in changed.get_layer("bn1").get_weights()]
    )
    changed.save("changed.keras")
    report = compare_source(
        "changed.keras", CompareRequest(golden="demo-digits"), STATIC, NeverStarted()
    )
    assert (report.verdict, report.first_divergent_layer) == ("mismatch", "bn1")
    assert (report.levels["outputs"].status, report.levels["outputs"].reason) == (
        "skipped",
        "--static; not proved: the model differs",
    )


def test_a_file_is_hashed_without_a_framework(model: Path) -> None:
    assert hash_weights(model, Options()) == hash_weights(model, STATIC)


def test_a_golden_without_outputs_is_recorded_without_a_framework(model: Path) -> None:
    request = RecordRequest(name="digits")
    golden = record_source(model, request, STATIC, NeverStarted()).golden
    assert golden.fingerprint.levels == ("structure", "weights")
    assert not record_source(model, request, STATIC, NeverStarted()).stored


def test_a_golden_read_from_a_file_matches_the_live_model_and_the_reverse(model: Path) -> None:
    alive = keras.models.load_model(model)
    record_source(model, RecordRequest(name="read"), STATIC)
    record_source(alive, RecordRequest(name="alive", levels=("structure", "weights")), Options())
    for source, golden in ((alive, "read"), (model, "alive")):
        report = compare_source(source, CompareRequest(golden=golden), Options())
        assert (report.verdict, report.findings) == ("match", []), golden


def test_outputs_recorded_from_a_file_go_with_its_whole_structure(
    model: Path, worker: WorkerClient
) -> None:
    request = RecordRequest(name="digits", preprocess="tf")
    golden = record_source(model, request, Options(), worker).golden
    assert golden.fingerprint.structure.not_stored == ()
    assert all(layer.output_shapes for layer in golden.fingerprint.structure.layers)


# --- where the model cannot be run, or need not be ---


@pytest.fixture
def without_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that start find no Keras."""
    lacking = "raise ModuleNotFoundError(\"No module named 'keras'\", name='keras')\n"
    (tmp_path / "keras.py").write_text(lacking)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")


def test_outputs_are_skipped_where_keras_is_not_installed(model: Path, without_keras: None) -> None:
    report = compare_source(model, CompareRequest(golden="demo-digits", full=True), Options())
    assert report.verdict == "incomplete"
    assert report.levels["weights"].status == "pass"
    assert report.levels["outputs"] == LevelResult(
        "skipped", "Keras is not installed, and the model must be run"
    )


def test_recording_outputs_says_that_keras_is_not_installed(
    model: Path, without_keras: None
) -> None:
    with pytest.raises(FpcheckError) as raised:
        record_source(model, RecordRequest(), Options())
    assert str(raised.value) == (
        "Keras is not installed, and the model must be run\n"
        "Install it: pip install tensorflow. Or do not run the model: --static."
    )


def test_static_says_why_outputs_were_not_proved(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = load_golden("demo-digits").fingerprint.outputs
    assert recorded is not None
    other = {**recorded.environment, "keras": "4.0.0"}
    monkeypatch.setattr(compare, "environment", lambda backend: other)
    report = compare_source(model, CompareRequest(golden="demo-digits"), STATIC, NeverStarted())
    assert report.levels["outputs"] == LevelResult(
        "skipped",
        "--static; not proved: the environment differs: keras "
        f"{recorded.environment['keras']} in the golden, keras 4.0.0 here",
    )


def test_files_that_are_equal_are_not_run_to_be_compared(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorkerClient, "_start", NeverStarted._start)
    alive = keras.models.load_model(model)
    alive.save("digits.h5")
    report = diff_sources(model, "digits.h5", None, "none", Options())
    assert (report.verdict, report.findings) == ("match", [])
    assert (report.candidate.source, report.candidate.format) == ("digits.h5", "keras-h5")
    assert report.candidate.content_id == report.golden.content_id
    assert report.levels == {
        "structure": LevelResult("pass"),
        "weights": LevelResult("pass"),
        "outputs": LevelResult("proved", "same weights and configuration, no custom code"),
    }
    alive.get_layer("conv1").set_weights([w * 2 for w in alive.get_layer("conv1").get_weights()])
    alive.save("other.keras")
    for second in ("other.keras", "demo-digits"):
        with pytest.raises(AssertionError, match="the framework was started"):
            diff_sources(model, second, None, "none", Options())


REFUSED = {
    "resnet50": "--static: resnet50 is not a file, and --static can only read files\n"
    "Give a model file, or leave out --static.",
    "weights.h5": "weights.h5: contains weights only, no architecture\nName the architecture: "
    "--model resnet50, --model FILE.keras or --model package.module:function.",
}


@pytest.mark.parametrize("source", REFUSED)
def test_what_cannot_be_recorded_statically_is_refused(source: str, model: Path) -> None:
    with h5py.File(model.parent / "weights.h5", "w") as file:
        file["layers/dense/vars/0"] = [1.0, 2.0]
    with pytest.raises(FpcheckError) as raised:
        record_source(source, RecordRequest(), STATIC)
    assert str(raised.value) == REFUSED[source]


def test_what_needs_a_run_is_refused_with_static(model: Path) -> None:
    for request in (RecordRequest(levels=("outputs",)), RecordRequest(data="test.npz")):
        with pytest.raises(FpcheckError) as raised:
            record_source(model, request, STATIC)
        assert str(raised.value) == (
            "--static: the model is not run, so it has neither outputs nor accuracy\n"
            "Leave out --static, or --levels outputs and --data."
        )
