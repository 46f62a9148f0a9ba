"""What changes nothing but rounding is never called a mismatch; what changes one bit always is."""

from pathlib import Path

import numpy as np
import pytest
from models import keras, kl
from msgspec.structs import replace

import fpcheck
from fpcheck.codec import PathText
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.output_findings import compare_outputs
from fpcheck.demo import MODEL
from fpcheck.fingerprint.outputs import Answer, Outputs
from fpcheck.golden.golden import Golden
from fpcheck.model.questions import OutputRequest
from fpcheck.model.source import Options
from fpcheck.model.worker_client import WorkerClient
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

SEEDED = Options(weights=PathText("random"), seed=0)
SOURCES = {
    "resnet50": ("resnet50", SEEDED),
    "mobilenetv3small": ("MobileNetV3Small", SEEDED),
    "efficientnetb0": ("efficientnetb0", SEEDED),
    "digits": (str(MODEL), Options()),
    "text_net": ("models:text_net", Options()),
}


@pytest.fixture(scope="module")
def goldens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("goldens")


@pytest.fixture(scope="module", params=SOURCES)
def golden(request: pytest.FixtureRequest, goldens: Path, worker: WorkerClient) -> Golden:
    source, options = SOURCES[request.param]
    asked = RecordRequest(name=request.param, goldens=goldens)
    return record_source(source, asked, options, worker).golden


def _errors(golden: Golden, worker: WorkerClient, goldens: Path) -> list[Finding]:
    source, options = SOURCES[golden.name]
    request = CompareRequest(golden=golden.name, goldens=goldens, full=True)
    report = compare_source(source, request, options, worker)
    assert report.levels["outputs"].status in ("pass", "fail"), "the outputs were not run"
    return report.errors


@pytest.mark.parametrize(
    ("threads", "onednn"), [(1, "1"), (2, "0")], ids=["one thread", "without oneDNN"]
)
def test_another_process_with_other_arithmetic_matches(
    golden: Golden, goldens: Path, threads: int, onednn: str
) -> None:
    with WorkerClient(
        {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_ENABLE_ONEDNN_OPTS": onednn}
    ) as worker:
        assert _errors(golden, worker, goldens) == []


def test_under_xla_and_with_other_batch_sizes_outputs_match(golden: Golden, goldens: Path) -> None:
    from benchmarks.detection.sensitivity import compiled
    from fpcheck.model.execution import run
    from fpcheck.model.loader import load
    from fpcheck.model.preprocessing import prepare
    from fpcheck.model.source import parse

    source, options = SOURCES[golden.name]
    model = load(parse(source), options).model
    outputs = golden.fingerprint.outputs
    assert outputs is not None
    arrays = prepare(outputs.probes, outputs.probes.make(), outputs.preprocess)
    allowed = golden.tolerances.allowed_outputs(outputs)
    under_xla = _taken(outputs, run(model, arrays, forward=compiled)[0])
    assert compare_outputs(outputs, under_xla, allowed) == []
    tripled, _ = run(model, [np.concatenate([a, a, a]) for a in arrays])
    first = run(model, arrays)[0]
    for expected, own, repeated in zip(outputs.answers, first, tripled, strict=True):
        assert np.allclose(own.logits, expected.logits, rtol=0, atol=allowed * _rms(own.logits))
        count = len(own.logits)
        assert np.allclose(
            repeated.logits[:count], own.logits, rtol=0, atol=allowed * _rms(own.logits)
        )


def _taken(outputs: Outputs, answers: tuple[Answer, ...]) -> Outputs:
    return replace(outputs, answers=answers)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def test_equal_weights_in_an_equal_environment_prove_the_outputs(
    golden: Golden, goldens: Path, worker: WorkerClient
) -> None:
    source, options = SOURCES[golden.name]
    report = compare_source(
        source, CompareRequest(golden=golden.name, goldens=goldens), options, worker
    )
    assert report.verdict == "match"
    assert report.levels["outputs"].status == "proved"
    assert report.levels["outputs"].reason == (
        "same weights, configuration and environment, no custom code"
    )


def test_the_noise_of_threads_batches_and_repeats_is_recorded_and_small(golden: Golden) -> None:
    outputs = golden.fingerprint.outputs
    assert outputs is not None
    assert outputs.noise.repeat == 0
    for measured in (outputs.noise.batch_size, outputs.noise.threads):
        assert measured is not None
        assert measured < 1e-5


def test_recording_twice_gives_equal_bytes(
    golden: Golden, tmp_path: Path, worker: WorkerClient
) -> None:
    source, options = SOURCES[golden.name]
    asked = RecordRequest(name=golden.name, goldens=tmp_path)
    again = record_source(source, asked, options, worker).golden
    assert golden.path is not None
    assert again.path is not None
    assert again.path.with_suffix(".h5").read_bytes() == golden.path.with_suffix(".h5").read_bytes()


def test_a_resnet50_golden_takes_at_most_one_megabyte(goldens: Path, worker: WorkerClient) -> None:
    asked = RecordRequest(name="resnet50", goldens=goldens)
    golden = record_source("resnet50", asked, SEEDED, worker).golden
    assert golden.path is not None
    assert golden.path.stat().st_size + golden.path.with_suffix(".h5").stat().st_size < 1_000_000


@pytest.mark.parametrize("layer", ["conv1", "block2_bn1", "predictions"])
@pytest.mark.parametrize("place", [0, -1])
def test_one_value_changed_by_one_unit_in_the_last_place_is_found(
    layer: str, place: int, tmp_path: Path
) -> None:
    import keras

    model = keras.saving.load_model(MODEL, compile=False)
    record_source(model, RecordRequest(name="d", goldens=tmp_path), Options())
    for variable in model.get_layer(layer).weights:
        values = variable.numpy()
        changed = values.copy()
        flat = changed.reshape(-1)
        flat[place] = np.nextafter(flat[place], np.float32(np.inf), dtype=np.float32)
        variable.assign(changed)
        report = compare_source(model, CompareRequest(golden="d", goldens=tmp_path), Options())
        found = [(f.level, f.code, f.where) for f in report.errors]
        assert ("weights", "tensor-changed", f"{layer}/{variable.name}") in found
        assert report.verdict == "mismatch"
        assert report.exit_code == 1
        variable.assign(values)


def test_a_model_whose_session_measures_itself_again_gives_the_same_outputs(
    worker: WorkerClient,
) -> None:
    from fpcheck.fingerprint import probes
    from fpcheck.model.source import parse

    worker.open(parse(str(MODEL)), Options())
    request = OutputRequest(probes.fit(worker.model.structure()), "tf")
    first, second = worker.model.answers(request), worker.model.answers(request)
    assert [a.logits.tobytes() for a in first] == [a.logits.tobytes() for a in second]


@keras.saving.register_keras_serializable("tests")
class Wrapping(kl.Wrapper):
    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return self.layer(x)


def wrapped(wrapper: type[kl.Wrapper], first: str = "relu") -> keras.Model:
    """A graph of nameless layers inside another layer; Keras numbers them in each process."""
    keras.utils.set_random_seed(1)
    i = keras.Input((3,))
    a, b = kl.Dense(2, activation=first)(i), kl.Dense(2)(i)
    x = keras.Input((5, 3) if wrapper is kl.TimeDistributed else (3,), name="x")
    inner = keras.Model(i, kl.Subtract()([a, b]), name="inner")
    return keras.Model(x, wrapper(inner, name="wrapper")(x), name="net")


@pytest.mark.parametrize("wrapper", [kl.TimeDistributed, Wrapping])
def test_running_numbers_in_a_graph_inside_a_layer_are_no_difference(
    wrapper: type[kl.Wrapper], here: Path
) -> None:
    fpcheck.record(wrapped(wrapper), "net")
    again = wrapped(wrapper)
    again.save("again.keras")
    assert fpcheck.compare(again, "net").verdict == "match"
    assert fpcheck.compare("again.keras", "net", static=True).findings == []
    assert fpcheck.compare(wrapped(wrapper, "tanh"), "net").verdict == "mismatch"
