"""The Python API as the README shows it."""

from pathlib import Path

import keras
import models
import numpy as np
import pytest

import fpcheck


def test_record_compare_and_load_a_model_in_memory(here: Path) -> None:
    model = models.image_net()
    recording = fpcheck.record(model, "net", preprocess="tf", note="good")
    assert (recording.stored, recording.golden.label) == (True, "net@1")
    assert (here / "fingerprints" / "net" / "1.yaml").is_file()
    report = fpcheck.compare(model, "net")
    assert (report.verdict, report.exit_code) == ("match", 0)
    report.assert_match()
    golden = fpcheck.load_golden("net@1")
    assert golden.note == "good"
    assert golden.fingerprint.structure.parameters == model.count_params()


def test_assert_match_raises_with_the_text_that_the_console_prints(here: Path) -> None:
    model = models.image_net()
    fpcheck.record(model, "net")
    layer = model.get_layer("block1_conv")
    layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    report = fpcheck.compare(model, "net")
    with pytest.raises(AssertionError) as caught:
        report.assert_match()
    assert str(caught.value) == f"\n{report}"
    lines = str(report).splitlines()
    assert lines[0] == "✗ mismatch  <Functional 'functional'> (memory)".replace(
        "functional", model.name
    )
    assert lines[1:6] == [
        "  golden     net@1, named by --golden",
        "  structure  pass",
        "  weights    fail    2 tensors differ",
        "  outputs    fail    1 output differs",
        "  first divergent layer: block1_conv",
    ]
    assert "block1_conv/kernel: 100% newly zero" in str(report)


def test_a_level_that_cannot_be_checked_is_incomplete_never_a_match(here: Path) -> None:
    fpcheck.record(models.image_net(), "net")
    model = models.image_net()
    calls = []

    def refuses(*args: object, **kwargs: object) -> None:
        calls.append(args)
        raise RuntimeError("no")

    model.get_layer("stem").call = refuses
    report = fpcheck.compare(model, "net", full=True)
    assert (report.verdict, report.exit_code) == ("incomplete", 3)
    assert report.levels["outputs"].status == "skipped"
    assert calls


def test_weights_that_are_indices_are_reached_where_others_cannot_be_run(here: Path) -> None:
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="dense")])
    model.quantize("int4")
    outputs = fpcheck.record(model, "net").golden.fingerprint.outputs
    assert outputs is not None
    assert (outputs.reach.unreached, outputs.reach.untried) == ((), ())
    assert fpcheck.compare(model, "net", full=True).verdict == "match"


def test_what_is_no_model_is_refused(here: Path) -> None:
    with pytest.raises(fpcheck.FpcheckError) as caught:
        fpcheck.record(3, "three")
    assert caught.value.fact == "a int is no source"
    with pytest.raises(fpcheck.FpcheckError, match="is not built: its layers have no weights yet"):
        fpcheck.record(models.keras.Sequential([models.kl.Dense(2)]), "unbuilt")


def test_a_noisy_model_is_not_approved(here: Path) -> None:
    x = models.keras.Input((8,))
    y = models.kl.Lambda(lambda t: t + models.keras.random.normal((8,)))(models.kl.Dense(8)(x))
    with pytest.raises(fpcheck.FpcheckError, match="gives other outputs each time"):
        fpcheck.record(models.keras.Model(x, y), "noisy")
    assert not (here / "fingerprints").exists()


def test_levels_narrow_what_is_recorded_and_asked_for(here: Path) -> None:
    model = models.image_net()
    recording = fpcheck.record(model, "net", levels=["structure"])
    assert recording.golden.fingerprint.levels == ("structure",)
    assert fpcheck.compare(model, "net").verdict == "incomplete"
    assert fpcheck.compare(model, "net", levels=["structure"]).verdict == "match"
    assert fpcheck.compare(model, "net", levels=["structure", "weights"]).verdict == "incomplete"
