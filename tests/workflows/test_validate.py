"""Predictions on labelled data against those that the golden recorded."""

from pathlib import Path
from typing import Any

import models
import numpy as np
import pytest

import fpcheck
from fpcheck.errors import FpcheckError
from fpcheck.model.source import Options
from fpcheck.report.report import Report
from fpcheck.workflows.plan import CompareRequest
from fpcheck.workflows.validate import validate_source

IMAGES = np.random.default_rng(5).integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)
LABELS = np.arange(40) % 5


@pytest.fixture
def model(here: Path) -> object:
    net = models.image_net()
    np.savez(here / "data.npz", x=IMAGES, y=LABELS, labels=list("abcde"))
    fpcheck.record(net, "net", preprocess="tf", data=here / "data.npz")
    return net


def validated(model: object, data: Path, **request: Any) -> Report:
    return validate_source(model, data, CompareRequest(golden="net", **request), Options())


def test_equal_predictions_match_and_say_so(model: object, here: Path) -> None:
    report = validated(model, here / "data.npz")
    assert report.verdict == "match"
    assert report.accuracy is not None
    assert (report.accuracy.compared, report.accuracy.changed) == (40, 0)
    assert report.levels["outputs"].reason == "predictions are judged instead"


def test_other_preprocessing_is_named_and_some_changes_shown(model: object, here: Path) -> None:
    report = validated(model, here / "data.npz", preprocess="none")
    assert report.verdict == "mismatch"
    assert [d.code for d in report.diagnoses] == ["preprocessing-changed"]
    assert report.notes[0].startswith("example ")
    assert ": golden " in report.notes[0]


def test_scores_that_are_no_numbers_never_match(
    model: object, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "broken", lambda pixels: pixels * np.nan, raising=False)
    report = validated(model, here / "data.npz", preprocess="models:broken")
    assert report.verdict == "mismatch"
    assert report.accuracy is not None
    assert (report.accuracy.changed, report.accuracy.top1) == (40, 0.0)
    assert report.notes[0].endswith("now NaN")


def test_other_labels_of_the_same_images_are_found(model: object, here: Path) -> None:
    np.savez(here / "shifted.npz", x=IMAGES, y=(LABELS + 1) % 5)
    report = validated(model, here / "shifted.npz")
    assert report.verdict == "mismatch"
    assert [(f.code, f.actual) for f in report.errors] == [("labels-changed", 40)]


def test_a_part_of_the_recorded_examples_is_incomplete(model: object, here: Path) -> None:
    np.savez(here / "few.npz", x=IMAGES[:7], y=LABELS[:7])
    report = validated(model, here / "few.npz")
    assert (report.verdict, report.exit_code) == ("incomplete", 3)
    assert report.notes == ["33 of the recorded examples are not in the data"]


def test_other_images_are_refused(model: object, here: Path) -> None:
    np.savez(here / "other.npz", x=255 - IMAGES, y=LABELS)
    with pytest.raises(FpcheckError, match="contains none of the examples"):
        validated(model, here / "other.npz")


def test_a_golden_without_accuracy_says_how_to_record_it(here: Path) -> None:
    net = models.image_net()
    fpcheck.record(net, "net", levels=["structure", "weights"])
    np.savez(here / "data.npz", x=IMAGES, y=LABELS)
    with pytest.raises(FpcheckError) as caught:
        validated(net, here / "data.npz")
    assert caught.value.fact == "golden net@1 recorded no accuracy"
