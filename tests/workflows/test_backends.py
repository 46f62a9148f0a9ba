"""One golden for every backend: what was recorded on one of them matches on the others."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import h5py
import keras
import models
import numpy as np
import pytest

import fpcheck
from fpcheck.demo import MODEL
from fpcheck.errors import FpcheckError
from fpcheck.model import environment as surroundings
from fpcheck.model.environment import environment
from fpcheck.model.source import Options, parse
from fpcheck.model.worker_client import WorkerClient
from fpcheck.report.report import Report
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

OTHERS = ("jax", "torch")
# Recurrence, masks and attention; kernels; statistics.
NETS = ("text_net", "kernels_net", "normalized_net")


@pytest.fixture(scope="module")
def workers(worker: WorkerClient) -> Iterator[dict[str, WorkerClient]]:
    with WorkerClient() as jax, WorkerClient() as torch:
        yield {"tensorflow": worker, "jax": jax, "torch": torch}


@pytest.fixture(scope="module")
def goldens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("goldens")


def on_tensorflow(name: str, goldens: Path) -> Path:
    """The file of a model, whose golden of that name TensorFlow has recorded."""
    file = goldens / f"{name}.keras"
    if not file.exists():
        model = getattr(models, name)()
        fpcheck.record(model, name, goldens=goldens)
        model.save(file)
    return file


def statuses(report: Report) -> tuple[str, str, str, str]:
    structure, weights, outputs = (level.status for level in report.levels.values())
    return report.verdict, structure, weights, outputs


MATCH = ("match", "pass", "pass", "pass")


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("name", NETS)
def test_a_golden_recorded_on_tensorflow_matches_elsewhere(
    name: str, backend: str, goldens: Path, workers: dict[str, WorkerClient]
) -> None:
    report = compare_source(
        on_tensorflow(name, goldens),
        CompareRequest(golden=name, goldens=goldens),
        Options(backend=backend),
        workers[backend],
    )
    assert (statuses(report), report.findings) == (MATCH, [])


@pytest.mark.parametrize("backend", OTHERS)
def test_a_golden_recorded_elsewhere_matches_on_tensorflow_and_is_proved_there(
    backend: str, here: Path, workers: dict[str, WorkerClient]
) -> None:
    models.normalized_net().save("net.keras")
    asked = RecordRequest(name="net")
    recorded = record_source("net.keras", asked, Options(backend=backend), workers[backend])
    golden, outputs = recorded.golden, recorded.golden.fingerprint.outputs
    assert outputs is not None
    assert golden.provenance is not None
    assert golden.provenance.environment == outputs.environment == environment(backend)
    assert (outputs.environment["backend"], outputs.environment[backend]) == (
        backend,
        version(backend),
    )
    assert (outputs.reach.unreached, outputs.reach.untried) == ((), ())
    assert outputs.noise.largest < 1e-5
    request = CompareRequest(golden="net")
    for other, expected in [("tensorflow", "pass"), (backend, "proved")]:
        report = compare_source("net.keras", request, Options(backend=other), workers[other])
        assert statuses(report) == ("match", "pass", "pass", expected), other
    static = compare_source("net.keras", request, Options(static=True, backend=backend))
    assert statuses(static) == ("match", "pass", "pass", "proved")
    static = compare_source("net.keras", request, Options(static=True))
    assert statuses(static) == ("incomplete", "pass", "pass", "skipped")


@pytest.mark.parametrize("backend", OTHERS)
def test_a_fault_is_found_on_every_backend(
    backend: str, goldens: Path, tmp_path: Path, workers: dict[str, WorkerClient]
) -> None:
    model = keras.models.load_model(on_tensorflow("normalized_net", goldens))
    layer = model.get_layer("bn")
    layer.set_weights([w + 0.01 for w in layer.get_weights()])
    model.save(tmp_path / "changed.keras")
    report = compare_source(
        tmp_path / "changed.keras",
        CompareRequest(golden="normalized_net", goldens=goldens),
        Options(backend=backend),
        workers[backend],
    )
    assert statuses(report) == ("mismatch", "pass", "fail", "fail")
    assert report.first_divergent_layer == "bn"


def test_what_a_backend_computes_otherwise_is_a_mismatch_at_the_layer_that_does(
    goldens: Path, workers: dict[str, WorkerClient]
) -> None:
    file = on_tensorflow("padded_mean_net", goldens)
    request = CompareRequest(golden="padded_mean_net", goldens=goldens)
    jax, torch = (
        compare_source(file, request, Options(backend=b), workers[b]) for b in ("jax", "torch")
    )
    assert (statuses(jax), jax.findings) == (MATCH, [])
    assert statuses(torch) == ("mismatch", "pass", "pass", "fail")
    assert torch.first_divergent_layer == "mean"


@pytest.mark.parametrize("backend", OTHERS)
def test_a_live_model_has_the_structure_and_weights_of_tensorflows(
    backend: str, goldens: Path, workers: dict[str, WorkerClient]
) -> None:
    on_tensorflow("normalized_net", goldens)
    report = compare_source(
        "models:normalized_net",
        CompareRequest(golden="normalized_net", goldens=goldens),
        Options(backend=backend),
        workers[backend],
    )
    assert (statuses(report), report.findings) == (MATCH, [])


def test_a_file_that_another_backend_wrote_is_the_same(goldens: Path, tmp_path: Path) -> None:
    """Keras counts what `Normalization` has seen in int32 there, and in int64 on TensorFlow."""
    with zipfile.ZipFile(on_tensorflow("normalized_net", goldens)) as archive:
        archive.extractall(tmp_path)
    with h5py.File(tmp_path / "model.weights.h5", "r+") as file:
        held = file["layers/normalization/vars"]
        assert held["2"].dtype == np.int64
        del held["2"]
        held["2"] = np.int32(0)
    with zipfile.ZipFile(tmp_path / "there.keras", "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.write(tmp_path / name, name)
    report = compare_source(
        tmp_path / "there.keras",
        CompareRequest(golden="normalized_net", goldens=goldens),
        Options(),
    )
    assert statuses(report) == ("match", "pass", "pass", "proved")


@pytest.mark.parametrize("backend", OTHERS)
def test_a_model_that_takes_text_is_run_on_tensorflow_only(
    backend: str, here: Path, workers: dict[str, WorkerClient]
) -> None:
    words = keras.layers.TextVectorization(vocabulary=["cat", "dog"], output_sequence_length=3)
    model = keras.Sequential([keras.Input((1,), dtype="string"), words, keras.layers.Dense(2)])
    model.save("words.keras")
    fpcheck.record(model, "words")
    report = compare_source(
        "words.keras", CompareRequest(golden="words"), Options(backend=backend), workers[backend]
    )
    assert statuses(report) == ("incomplete", "pass", "pass", "skipped")
    reason = report.levels["outputs"].reason or ""
    assert reason.partition("; not proved: the environment differs: backend tensorflow")[0] == (
        f"the model takes text, which Keras cannot give it on {backend}"
    )


IN_MEMORY = """
import fpcheck, models
model = models.normalized_net()
recorded = fpcheck.record(model, "net").golden.fingerprint.outputs
again = fpcheck.compare(model, "net", full=True)
print(recorded.environment["backend"], *recorded.reach.unreached, again.verdict)
print(again.levels["outputs"].status, fpcheck.compare(model, "net").levels["outputs"].status)
try:
    fpcheck.compare(model, "net", backend="tensorflow")
except fpcheck.FpcheckError as error:
    print(error)
"""


@pytest.mark.parametrize("backend", OTHERS)
def test_a_model_in_memory_runs_on_the_backend_of_its_process(backend: str, here: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_MEMORY],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        f"{backend} match",
        "pass proved",
        f'backend="tensorflow": the model in memory runs on {backend}',
        "Leave the backend out, or save the model and give the file.",
    ], done.stderr


def test_without_the_option_keras_chooses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert environment()["backend"] == "tensorflow"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert environment()["backend"] == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert environment()["backend"] == "torch"
    assert environment("jax")["backend"] == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert environment()["backend"] == "jax"


def test_a_worker_is_replaced_where_another_backend_is_asked_for(goldens: Path) -> None:
    source = parse(str(on_tensorflow("normalized_net", goldens)))
    with WorkerClient() as session:
        session.begin(source, Options(backend="jax"))
        first = session._process
        session.begin(source, Options(backend="torch"))
        assert first is not None
        assert first.poll() is not None
        assert session._process is not first


@pytest.mark.parametrize(("command", "asked"), [("compare", "jux"), ("gate", "theano")])
def test_what_is_no_backend_is_refused_before_anything_is_loaded(
    command: str, asked: str, here: Path
) -> None:
    shutil.copy(MODEL, here / "digits.keras")
    done = subprocess.run(
        [sys.executable, "-m", "fpcheck", command, "digits.keras", "--backend", asked],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        f"error: --backend {asked}: no such backend\n"
        "Allowed: tensorflow, jax, torch, numpy, openvino.\n",
    )


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("tensorflow", "TensorFlow is not installed\npip install tensorflow."),
        ("jax", "JAX is not installed\npip install 'fpcheck[jax]'."),
        ("torch", "PyTorch is not installed\npip install 'fpcheck[torch]'."),
    ],
)
def test_a_backend_that_is_not_installed_is_refused_with_what_installs_it(
    backend: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "find_spec", lambda name: None)
    with pytest.raises(FpcheckError) as caught:
        fpcheck.compare(MODEL, "digits", backend=backend)
    assert str(caught.value) == f'backend="{backend}": {said}'
