"""`--model model.json`: an architecture that `Model.to_json` wrote, for a file of weights."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers as kl
from models import filled, image_net, nested_net, sequential_net, text_net

from fpcheck.codec import PathText
from fpcheck.errors import FpcheckError
from fpcheck.model.source import Options, parse
from fpcheck.model.worker_client import WorkerClient
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.hash_ import hash_weights
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

STATIC = Options(static=True, model=PathText("model.json"))
legacy = importlib.import_module("layout.test_layer_matching").legacy


def running() -> Options:
    """With the whole path: the worker of all tests has a working folder of its own."""
    return Options(model=PathText(Path("model.json").resolve()))


def written(model: keras.Model) -> None:
    model.save("net.keras")
    model.save_weights("net.weights.h5")
    legacy("net.h5", model)
    Path("model.json").write_text(model.to_json())


@pytest.mark.parametrize("make", [image_net, text_net, nested_net, sequential_net])
@pytest.mark.parametrize("weights", ["net.weights.h5", "net.h5"])
def test_weights_with_it_are_those_of_the_whole_model(
    here: Path, make: Callable[[], keras.Model], weights: str
) -> None:
    written(make())
    record_source("net.keras", RecordRequest(name="net"), Options(static=True))
    report = compare_source(weights, CompareRequest(golden="net"), STATIC)
    assert (report.verdict, report.findings, report.notes) == ("match", [], [])
    assert {report.levels[level].status for level in ("structure", "weights")} == {"pass"}


def test_weights_with_it_can_be_recorded_and_run(here: Path, worker: WorkerClient) -> None:
    written(nested_net())
    record_source("net.weights.h5", RecordRequest(name="net"), running(), worker)
    request = CompareRequest(golden="net", full=True)
    report = compare_source("net.keras", request, Options(), worker)
    assert (report.verdict, report.levels["outputs"].status) == ("match", "pass")


def test_another_activation_in_it_is_found(here: Path) -> None:
    written(image_net())
    record_source("net.keras", RecordRequest(name="net"), Options(static=True))
    text = Path("model.json").read_text().replace('"softmax"', '"sigmoid"')
    Path("model.json").write_text(text)
    report = compare_source("net.weights.h5", CompareRequest(golden="net"), STATIC)
    assert report.verdict == "mismatch"
    assert [(f.code, f.where) for f in report.errors] == [("config-changed", "head")]


def test_another_architecture_is_refused(here: Path) -> None:
    written(image_net())
    nested_net().save_weights("net.weights.h5")
    with pytest.raises(FpcheckError, match=r"does not fit --model model\.json: it contains no"):
        hash_weights("net.weights.h5", STATIC)


def test_state_that_no_file_holds_hinders_the_match(here: Path, worker: WorkerClient) -> None:
    normal = kl.Normalization(name="normal")
    normal.adapt(np.arange(12.0).reshape(3, 4))
    x = keras.Input((4,), name="x")
    written(filled(keras.Model(x, kl.Dense(2, name="y")(normal(x)))))
    record_source("net.keras", RecordRequest(name="net"), Options(), worker)
    report = compare_source("net.weights.h5", CompareRequest(golden="net"), STATIC)
    assert report.errors == []


def test_it_is_no_model_itself(here: Path) -> None:
    written(image_net())
    for options in (Options(static=True), Options()):
        with pytest.raises(FpcheckError) as caught:
            record_source("model.json", RecordRequest(name="net"), options)
        assert str(caught.value) == (
            "model.json: contains an architecture only, no weights\n"
            "Give the file of its weights, with --model model.json."
        )


def test_an_architecture_of_keras2_is_read_in_its_spelling(
    here: Path, worker: WorkerClient
) -> None:
    layer = {"name": "y", "units": 2, "activation": "tanh", "batch_input_shape": [None, 4]}
    config = {"name": "net", "layers": [{"class_name": "Dense", "config": layer}]}
    said = {"class_name": "Sequential", "config": config, "keras_version": "2.4.0"}
    Path("model.json").write_text(json.dumps({**said, "backend": "tensorflow"}))
    net = keras.Sequential([keras.Input((4,)), kl.Dense(2, "tanh", name="y")], name="net")
    legacy("net.h5", filled(net))
    record_source("net.h5", RecordRequest(name="net"), running(), worker)
    net.save("net.keras")
    report = compare_source("net.keras", CompareRequest(golden="net", full=True), Options(), worker)
    assert (report.verdict, report.levels["outputs"].status) == ("match", "pass")


def test_a_tensorflow_checkpoint_is_called_by_its_name(here: Path) -> None:
    folder = Path("run")
    folder.mkdir()
    (folder / "checkpoint").write_text('model_checkpoint_path: "net.ckpt-3"\n')
    (folder / "net.ckpt-3.index").write_bytes(b"\0\0\x06\x08\x01\x1a\x02\x08\x01" + bytes(90))
    (folder / "net.ckpt-3.data-00000-of-00001").write_bytes(bytes(64))
    for path in (folder, *sorted(folder.iterdir()), folder / "net.ckpt-3"):
        with pytest.raises(FpcheckError) as caught:
            parse(str(path))
        assert str(caught.value) == (
            f"{path}: a TensorFlow checkpoint, not a Keras model\n"
            "Restore it into its model in TensorFlow, and save that with Keras as .keras or .h5."
        )
    with pytest.raises(FpcheckError, match="no such file"):
        parse("run/net.ckpt-4")
    filled(keras.Sequential([keras.Input((4,)), kl.Dense(2)])).save("net.keras")
    Path("checkpoint").write_bytes(Path("net.keras").read_bytes())
    assert parse("checkpoint").local  # a model under that name is a model
