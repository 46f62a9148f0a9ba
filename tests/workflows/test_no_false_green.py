"""Changes that are easy to overlook are found, and what was not compared is said."""

from pathlib import Path

import models
import numpy as np
import pytest
from models import keras, kl

import fpcheck
from fpcheck.errors import FpcheckError


class Owner(keras.Model):
    """Adds a weight of its own beside its layers."""

    def __init__(self) -> None:
        super().__init__(name="owner")
        self.dense = kl.Dense(3)
        self.w = self.add_weight(shape=(3,), initializer="ones", name="w")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return self.dense(x) * self.w


class Times(kl.Layer):
    """Custom code without weights."""

    factor = 2.0

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x * self.factor

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


def test_a_weight_of_the_model_itself_is_compared(here: Path) -> None:
    model = Owner()
    model(np.zeros((1, 4), np.float32))
    fpcheck.record(model, "owner")
    model.w.assign([7.0, 7.0, 7.0])
    report = fpcheck.compare(model, "owner")
    assert report.verdict == "mismatch"
    assert "(model)/w" in [finding.where for finding in report.errors]


@pytest.mark.parametrize("wrap", [kl.TimeDistributed, lambda layer: layer], ids=["wrapped", "bare"])
def test_custom_code_is_always_run(wrap: object, here: Path) -> None:
    x = keras.Input((5, 4), name="x")
    custom = Times(name="times")
    model = keras.Model(x, wrap(custom)(kl.Dense(4, name="d")(x)))  # type: ignore[operator]
    fpcheck.record(model, "net")
    assert fpcheck.compare(model, "net").levels["outputs"].status == "pass"
    custom.factor = 3.0
    report = fpcheck.compare(model, "net")
    assert (report.verdict, report.levels["outputs"].status) == ("mismatch", "fail")


def test_an_edited_preprocessing_function_is_run_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models.image_net()
    monkeypatch.setattr(models, "prepare", lambda pixels: pixels / 255.0, raising=False)
    fpcheck.record(model, "net", preprocess="models:prepare")
    assert fpcheck.compare(model, "net").levels["outputs"].status == "pass"
    monkeypatch.setattr(models, "prepare", lambda pixels: pixels / 128.0, raising=False)
    report = fpcheck.compare(model, "net")
    assert report.verdict == "mismatch"


def test_layers_that_exchanged_their_names_are_told_by_their_weights(here: Path) -> None:
    def chained(first: str, second: str) -> keras.Model:
        x = keras.Input((6,), name="x")
        return keras.Model(x, kl.Dense(6, name=second)(kl.Dense(6, name=first)(x)))

    golden = models.filled(chained("a", "b"))
    fpcheck.record(golden, "net")
    loaded = chained("b", "a")
    loaded.set_weights(golden.get_weights())
    report = fpcheck.compare(loaded, "net")
    assert report.verdict == "mismatch"
    assert "layers-swapped" in [d.code for d in report.diagnoses]


def test_weights_within_a_loosened_tolerance_are_said_to_differ(here: Path) -> None:
    model = models.image_net()
    fpcheck.record(model, "net")
    kernel = model.get_layer("head").kernel
    kernel.assign(kernel * 1.0005)
    assert fpcheck.compare(model, "net", levels=["weights"]).verdict == "mismatch"
    report = fpcheck.compare(model, "net", levels=["weights"], tolerance="float16")
    assert report.verdict == "match"
    assert "  weights    pass    1 differ within 0.001" in str(report).splitlines()


def test_recording_leaves_a_model_as_it_was(here: Path) -> None:
    model = models.image_net()
    kernel = model.get_layer("stem").kernel
    kernel.assign(kernel * 0.0 * np.float32(-1))  # negative zeros
    before = [w.tobytes() for w in model.get_weights()]
    fpcheck.record(model, "net")
    assert [w.tobytes() for w in model.get_weights()] == before
    assert fpcheck.compare(model, "net", full=True).verdict == "match"


def test_a_golden_keeps_its_preprocessing_when_it_is_recorded_again(here: Path) -> None:
    model = models.image_net()
    fpcheck.record(model, "net", preprocess="tf")
    again = fpcheck.record(model, "net")
    assert (again.stored, again.golden.label) == (False, "net@1")


def test_no_level_at_all_is_refused(here: Path) -> None:
    with pytest.raises(FpcheckError, match="no level named"):
        fpcheck.compare(models.image_net(), "net", levels=[])


def test_weights_of_an_application_are_read_although_only_structure_is_asked(here: Path) -> None:
    with pytest.raises(FpcheckError, match=r"nosuch\.h5: no such file"):
        fpcheck.compare("resnet50", weights="nosuch.h5")
