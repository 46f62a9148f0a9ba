"""`--static` reads and never runs; all else that can be read is not run either."""

import shutil
from pathlib import Path

import h5py
import keras
import pytest

from fpcheck import demo
from fpcheck.errors import FpcheckError
from fpcheck.model.remote import RemoteSession
from fpcheck.model.source import Options
from fpcheck.workflows import recording
from fpcheck.workflows.comparing import Request, compare_source
from fpcheck.workflows.hashing import hash_weights
from fpcheck.workflows.recording import record_source

STATIC = Options(static=True)


class NeverStarted(RemoteSession):
    """A worker that must not be needed."""

    def _start(self) -> None:  # type: ignore[override]
        raise AssertionError("the framework was started")


@pytest.fixture
def model(here: Path) -> Path:
    """The bundled model, whose golden `demo-digits` comes with fpcheck."""
    return Path(shutil.copy(demo.MODEL, here / "digits.keras"))


@pytest.mark.parametrize("options", [STATIC, Options()], ids=["static", "plain"])
def test_an_unchanged_file_is_proved_without_a_framework(options: Options, model: Path) -> None:
    report = compare_source(model, Request(golden="demo-digits"), options, NeverStarted())
    assert report.verdict == "match"
    assert {name: level.status for name, level in report.levels.items()} == {
        "structure": "pass", "weights": "pass", "outputs": "proved",
    }  # fmt: skip


def test_a_changed_file_fails_and_its_outputs_are_said_to_be_skipped(model: Path) -> None:
    changed = keras.models.load_model(model)
    changed.get_layer("bn1").set_weights(
        [w * 0 + 1 for w in changed.get_layer("bn1").get_weights()]
    )
    changed.save("changed.keras")
    report = compare_source("changed.keras", Request(golden="demo-digits"), STATIC, NeverStarted())
    assert (report.verdict, report.first_divergent_layer) == ("mismatch", "bn1")
    assert (report.levels["outputs"].status, report.levels["outputs"].reason) == (
        "skipped", "--static",
    )  # fmt: skip


def test_a_file_is_hashed_without_a_framework(model: Path) -> None:
    assert hash_weights(model, Options()) == hash_weights(model, STATIC)


def test_a_golden_without_outputs_is_recorded_without_a_framework(model: Path) -> None:
    request = recording.Request(name="digits")
    golden = record_source(model, request, STATIC, NeverStarted()).golden
    assert golden.fingerprint.levels == ("structure", "weights")
    assert not record_source(model, request, STATIC, NeverStarted()).stored


def test_a_golden_read_from_a_file_matches_the_live_model_and_the_reverse(model: Path) -> None:
    alive = keras.models.load_model(model)
    record_source(model, recording.Request(name="read"), STATIC)
    record_source(
        alive, recording.Request(name="alive", levels=("structure", "weights")), Options()
    )
    for source, golden in ((alive, "read"), (model, "alive")):
        report = compare_source(source, Request(golden=golden), Options())
        assert (report.verdict, report.findings) == ("match", []), golden


def test_outputs_recorded_from_a_file_go_with_its_whole_structure(
    model: Path, worker: RemoteSession
) -> None:
    request = recording.Request(name="digits", preprocess="tf")
    golden = record_source(model, request, Options(), worker).golden
    assert golden.fingerprint.structure.untold == ()
    assert all(layer.output_shapes for layer in golden.fingerprint.structure.layers)


REFUSED = {
    "resnet50": "--static: resnet50 is no file, so it cannot be had without the framework\n"
    "Give a model file, or leave out --static.",
    "weights.h5": "weights.h5: holds weights only, no architecture\nName the architecture: --model "
    "resnet50, --model FILE.keras or --model package.module:function.",
}


@pytest.mark.parametrize("source", REFUSED)
def test_what_cannot_be_recorded_statically_is_refused(source: str, model: Path) -> None:
    with h5py.File(model.parent / "weights.h5", "w") as file:
        file["layers/dense/vars/0"] = [1.0, 2.0]
    with pytest.raises(FpcheckError) as raised:
        record_source(source, recording.Request(), STATIC)
    assert str(raised.value) == REFUSED[source]


def test_what_needs_a_run_is_refused_with_static(model: Path) -> None:
    for request in (recording.Request(levels=("outputs",)), recording.Request(data="test.npz")):
        with pytest.raises(FpcheckError) as raised:
            record_source(model, request, STATIC)
        assert str(raised.value) == (
            "--static: the model is not run, so it has neither outputs nor accuracy\n"
            "Leave out --static, or --levels outputs and --data."
        )
