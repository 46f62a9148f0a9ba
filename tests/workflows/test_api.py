"""The Python API as docs/python-api.md shows it."""

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
        "  golden     net@1, named by golden=…",
        "  structure  pass",
        "  weights    fail    2 tensors differ",
        "  outputs    fail    1 output differs",
        "  first divergent layer: block1_conv",
    ]
    assert "block1_conv/kernel: 100% of the values became 0" in str(report)


def test_messages_have_the_words_of_python(here: Path) -> None:
    model = models.sequential_net()
    with pytest.raises(fpcheck.FpcheckError) as caught:
        fpcheck.compare(model)
    assert caught.value.advice == "Record it, if it is good: fpcheck.record(model)"
    call = caught.value.advice.partition(": ")[2]
    assert eval(call, {"fpcheck": fpcheck, "model": model}).stored  # noqa: S307
    with pytest.raises(fpcheck.FpcheckError) as caught:
        fpcheck.compare(model, "nosuch")
    assert caught.value.advice == f"Goldens: {model.name}. To list all: fpcheck list"
    with pytest.raises(fpcheck.FpcheckError) as caught:
        fpcheck.load_golden("nosuch", goldens="empty")
    assert caught.value.advice == "Record one first. How: help(fpcheck.record)"
    with pytest.raises(fpcheck.FpcheckError) as caught:
        fpcheck.compare(model, model.name, levels=["colour"])
    assert caught.value.fact == 'levels=["colour"]: no such level'
    report = fpcheck.compare(model, model.name, levels=["structure"])
    assert report.levels["weights"].reason == "levels=…"


def test_what_a_notebook_shows_is_short_and_escaped(here: Path) -> None:
    model = models.image_net()
    recording = fpcheck.record(model, "net", levels=["structure", "weights"], note="<b>good</b>")
    golden, report = fpcheck.load_golden("net"), fpcheck.compare(model, "net")
    held = "structure, weights; 13 layers, 1,501 parameters"
    assert repr(recording) == "<Recording net@1: stored; 0 warnings>"
    assert repr(golden) == f"<Golden net@1: {held}>"
    assert repr(golden.fingerprint) == f"<Fingerprint: {held}>"
    assert repr(report) == (
        f"<Report match: <Functional '{model.name}'> with net@1; structure pass, weights pass, "
        "outputs skipped>"
    )
    for shown in (recording._repr_html_(), golden._repr_html_(), report._repr_html_()):
        assert len(shown) < 3000
        assert "<b>good" not in shown
    assert "&lt;b&gt;good&lt;/b&gt;" in golden._repr_html_()
    assert f"&lt;Functional &#x27;{model.name}&#x27;&gt;" in report._repr_html_()
    head = model.get_layer("head")
    head.set_weights([w * 3 for w in head.get_weights()])
    report = fpcheck.compare(model, "net")
    assert repr(report).endswith("outputs skipped; rescaled>")
    for word in ("mismatch", "net@1, named by golden=…", "fail", "rescaled", "head"):
        assert word in report._repr_html_()
    assert "nothing stored" in repr(
        fpcheck.record(models.image_net(), "net", levels=["structure", "weights"])
    )


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
    assert caught.value.fact == "a int is not a source"
    with pytest.raises(fpcheck.FpcheckError, match="is not built: its layers have no weights yet"):
        fpcheck.record(models.keras.Sequential([models.kl.Dense(2)]), "unbuilt")


def test_a_noisy_model_is_not_approved(here: Path) -> None:
    x = models.keras.Input((8,))
    y = models.kl.Lambda(lambda t: t + models.keras.random.normal((8,)))(models.kl.Dense(8)(x))
    with pytest.raises(fpcheck.FpcheckError, match="outputs differ from run to run"):
        fpcheck.record(models.keras.Model(x, y), "noisy")
    assert not (here / "fingerprints").exists()


def test_levels_narrow_what_is_recorded_and_asked_for(here: Path) -> None:
    model = models.image_net()
    recording = fpcheck.record(model, "net", levels=["structure"])
    assert recording.golden.fingerprint.levels == ("structure",)
    assert fpcheck.compare(model, "net").verdict == "incomplete"
    assert fpcheck.compare(model, "net", levels=["structure"]).verdict == "match"
    assert fpcheck.compare(model, "net", levels=["structure", "weights"]).verdict == "incomplete"
