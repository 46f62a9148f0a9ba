"""Where the golden's values lie in the file itself, the report says where."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers as kl

from fpcheck.model.source import Options
from fpcheck.report.report import Report
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

STATIC = Options(static=True)
FILES = ("raw.keras", "raw.h5", "raw.weights.h5")


@pytest.fixture
def averaged(here: Path) -> keras.Model:
    """A golden of averaged weights, and files saved before they were put into the model."""
    x = keras.Input((6,), name="x")
    y = kl.BatchNormalization(name="norm")(kl.Dense(8, name="up")(x))
    model = keras.Model(x, kl.Dense(3, name="head")(y), name="net")
    model.compile(keras.optimizers.Adam(0.01, use_ema=True, name="adam"), "mse")
    random = np.random.default_rng(0)
    for _ in range(3):
        model.train_on_batch(random.normal(size=(16, 6)), random.normal(size=(16, 3)))
    for path in FILES[:2]:
        model.save(path)
    model.save_weights(FILES[2])
    model.optimizer.finalize_variable_values(model.trainable_variables)
    model.save("net.keras")
    record_source("net.keras", RecordRequest(name="net"), STATIC)
    return model


def compared(path: str) -> Report:
    return compare_source(path, CompareRequest(golden="net"), STATIC)


@pytest.mark.parametrize("path", FILES)
def test_averages_that_were_not_put_into_the_model_are_found_in_the_optimizer(
    path: str, averaged: keras.Model
) -> None:
    (found,) = compared(path).diagnoses
    assert (found.code, found.layers, found.confidence) == (
        "weights-elsewhere",
        ["up", "norm", "head"],
        1.0,
    )
    assert found.summary == (
        "The file contains the golden's values of up/kernel, up/bias, norm/gamma and 3 more, but "
        "among the optimizer's variables."
    )
    place = "optimizer_weights/adam/up_kernel_average" if path == "raw.h5" else "optimizer/vars/2"
    assert found.evidence[0] == f"{place} has the digest of the golden's up/kernel"
    assert found.advice.startswith("If it was trained with use_ema, put the averages into")


def test_a_constant_in_the_optimizer_is_no_evidence(here: Path) -> None:
    """Momentum that was never used is zero, and so is a fresh bias."""
    model = keras.Sequential([kl.Input((4,)), kl.Dense(3, name="head")])
    model.save("net.keras")
    record_source("net.keras", RecordRequest(name="net"), STATIC)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.layers[0].bias.assign([1.0, 2.0, 3.0])
    model.save_weights("raw.weights.h5")
    assert "weights-elsewhere" not in [d.code for d in compared("raw.weights.h5").diagnoses]


def test_a_missing_tensor_is_found_in_the_optimizer_too(averaged: keras.Model) -> None:
    with h5py.File("raw.weights.h5", "r+") as file:
        del file["layers/dense/vars/0"]
    found = {d.code: d for d in compared("raw.weights.h5").diagnoses}
    assert found["tensors-missing"].evidence == [
        "up/kernel: missing; optimizer/vars/2 has its values"
    ]
