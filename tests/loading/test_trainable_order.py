"""Keras 2 lists a frozen layer's tensors last; the file is loaded as it lists them.

Run as a script, this file is Keras 2: it writes a model and its weights, with a layer frozen.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fpcheck.codec import PathText

NOTE = (
    "every tensor is in the file under its name, but trainable was different for inner/norm1 when "
    "the file was saved: load_weights of Keras goes by order, so set trainable as it was before "
    "you load"
)


def write() -> None:
    import tf_keras as k

    image, picture = k.Input((8, 8, 3), name="image"), k.Input((8, 8, 3), name="picture")
    x = k.layers.Conv2D(4, 3, name="conv1")(picture)
    x = k.layers.BatchNormalization(name="norm1")(x)
    x = k.layers.Conv2D(4, 3, name="conv2")(x)
    x = k.layers.BatchNormalization(name="norm2")(x)
    inner = k.Model(picture, x, name="inner")
    y = k.layers.GlobalAveragePooling2D(name="pool")(inner(image))
    model = k.Model(image, k.layers.Dense(3, name="head")(y), name="net")
    random = np.random.default_rng(0)
    model.set_weights([np.abs(random.normal(0, 0.3, w.shape)) + 0.1 for w in model.get_weights()])
    model.save("net.h5")
    model.save_weights("weights.h5")
    inner.get_layer("norm1").trainable = False
    model.save_weights("frozen.h5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keras2")
    subprocess.run([sys.executable, __file__], cwd=made, check=True, capture_output=True)
    return made


@pytest.mark.parametrize(("file", "notes"), [("weights.h5", []), ("frozen.h5", [NOTE])])
def test_weights_match_with_and_without_an_architecture(
    file: str, notes: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fpcheck.model.source import Options
    from fpcheck.workflows import record
    from fpcheck.workflows.compare import compare_source
    from fpcheck.workflows.plan import CompareRequest, RecordRequest

    monkeypatch.chdir(folder)
    record.record_source("net.h5", RecordRequest(name="net"), Options(static=True))
    report = compare_source(
        file, CompareRequest(golden="net"), Options(static=True, model=PathText("net.h5"))
    )
    assert (report.verdict, report.findings, report.notes) == ("match", [], notes)
    report = compare_source(
        file, CompareRequest(golden="net", levels=("weights",)), Options(static=True)
    )
    assert (report.verdict, report.notes) == ("match", [])


@pytest.mark.parametrize("file", ["weights.h5", "frozen.h5"])
def test_the_live_model_gets_each_tensor_by_its_name(file: str, folder: Path) -> None:
    from fpcheck.model.loader import load
    from fpcheck.model.source import Options, parse

    whole = load(parse(str(folder / "net.h5")), Options()).model
    filled = load(parse(str(folder / file)), Options(model=PathText(folder / "net.h5"))).model
    for ours, theirs in zip(whole.weights, filled.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.trainable == theirs.trainable


if __name__ == "__main__":
    write()
