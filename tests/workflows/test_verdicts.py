"""What a verdict rests on, and what the report says of it.

Goldens without weights, levels that were not asked for, two sides of a diff, no framework.
"""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
from keras import layers as kl
from models import filled

import fpcheck
from fpcheck.codec import PathText
from fpcheck.model import environment
from fpcheck.model.source import Options
from fpcheck.model.worker_client import WorkerClient
from fpcheck.report import json as json_report
from fpcheck.report.report import MismatchError, Report
from fpcheck.report.text import plain_text
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.diff import diff_sources
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

STATIC = Options(static=True)
NONE = "the golden does not contain it"


def net(units: int = 4, activation: str = "relu") -> keras.Model:
    x = keras.Input((3,), name="x")
    y = kl.Dense(units, activation=activation, name="mid")(x)
    return filled(keras.Model(x, kl.Dense(2, name="out")(y), name="net"))


@pytest.fixture
def files(here: Path) -> Path:
    """Models and a golden of each level: `arch` is structure alone, `net` is without outputs."""
    net().save("net.keras")
    net().save_weights("net.weights.h5")
    net(5).save("wide.keras")
    net(5).save_weights("wide.weights.h5")
    net(activation="gelu").save("gelu.keras")
    keras.models.clone_model(net()).save("fresh.keras")
    record_source("net.keras", RecordRequest(name="arch", levels=("structure",)), STATIC)
    record_source("net.keras", RecordRequest(name="net"), STATIC)
    return here


def compared(path: str, golden: str, *levels: str, options: Options = STATIC) -> Report:
    return compare_source(path, CompareRequest(golden=golden, levels=levels or None), options)


def lines(report: Report) -> list[str]:
    return plain_text(report).splitlines()


# --- a golden without weights ---


@pytest.mark.parametrize("path", ["net.keras", "fresh.keras"])
def test_a_golden_without_weights_gives_no_match(path: str, files: Path) -> None:
    report = compared(path, "arch")
    assert (report.verdict, report.exit_code) == ("incomplete", 3)
    assert lines(report) == [
        f"? incomplete  {path} (keras)",
        "  structure matches; weights and outputs were not compared: the golden contains none",
        "  golden     arch@1, named by --golden",
        "  structure  pass",
        f"  weights    skipped  {NONE}",
        f"  outputs    skipped  {NONE}",
    ]
    with pytest.raises(MismatchError, match="weights and outputs were not compared"):
        report.assert_match()


@pytest.mark.parametrize(
    ("levels", "verdict"),
    [
        (("structure",), "match"),
        (("structure", "weights"), "incomplete"),
        (("weights",), "incomplete"),
        (("outputs",), "incomplete"),
    ],
)
def test_of_it_only_the_structure_alone_matches(
    levels: tuple[str, ...], verdict: str, files: Path
) -> None:
    assert compared("net.keras", "arch", *levels).verdict == verdict


def test_equal_outputs_do_not_stand_for_weights(here: Path) -> None:
    model = net()
    fpcheck.record(model, "net", levels=["structure", "outputs"])
    report = fpcheck.compare(model, "net")
    assert (report.verdict, report.levels["outputs"].status) == ("incomplete", "pass")
    assert lines(report)[1] == (
        "  structure and outputs match; weights were not compared: the golden contains none"
    )


def test_a_golden_without_outputs_matches_as_before(files: Path) -> None:
    report = compared("net.keras", "net")
    assert (report.verdict, report.levels["outputs"].reason) == ("match", NONE)


def test_the_shipped_architectures_match_as_structures_only(
    here: Path, worker: WorkerClient
) -> None:
    for levels, verdict in ((None, "incomplete"), (("structure",), "match")):
        request = CompareRequest(levels=levels)
        report = compare_source("mobilenet", request, Options(weights=PathText("random")), worker)
        assert (report.verdict, report.golden.name) == (verdict, "mobilenet")
        assert report.levels["structure"].status == "pass"


def test_two_structures_in_a_diff_are_incomplete(files: Path) -> None:
    record_source("wide.keras", RecordRequest(name="wide", levels=("structure",)), STATIC)
    same = diff_sources("arch@1", "arch@1", None, "none", STATIC)
    assert same.verdict == "incomplete"
    assert lines(same) == [
        "? incomplete  arch@1 (golden)",
        "  structure matches; weights and outputs were not compared: not on both sides",
        "  first      arch@1",
        "  second     arch@1",
        "  structure  pass",
        "  weights    skipped  not on both sides",
        "  outputs    skipped  not on both sides",
    ]
    assert diff_sources("arch@1", "wide@1", None, "none", STATIC).verdict == "mismatch"
    against = diff_sources("arch@1", "net.keras", None, "none", STATIC)
    assert against.verdict == "incomplete"
    assert lines(against)[1] == (
        "  structure matches; weights and outputs were not compared: the first contains none"
    )


def test_recording_a_structure_again_stores_nothing(files: Path) -> None:
    request = RecordRequest(name="arch", levels=("structure",))
    assert not record_source("fresh.keras", request, STATIC).stored


# --- what is proved, and what was asked ---


@pytest.mark.parametrize(
    ("path", "golden", "levels", "statuses"),
    [
        ("wide.weights.h5", "arch", (), ("fail", "skipped", "skipped")),
        ("wide.weights.h5", "net", (), ("fail", "fail", "skipped")),
        ("wide.weights.h5", "net", ("structure",), ("fail", "skipped", "skipped")),
        ("wide.weights.h5", "net", ("weights",), ("skipped", "fail", "skipped")),
        ("wide.keras", "net", ("weights",), ("skipped", "fail", "skipped")),
        ("gelu.keras", "net", ("structure",), ("fail", "skipped", "skipped")),
    ],
)
def test_a_difference_is_a_mismatch_wherever_it_shows(
    path: str, golden: str, levels: tuple[str, ...], statuses: tuple[str, ...], files: Path
) -> None:
    report = compared(path, golden, *levels)
    assert (report.verdict, report.exit_code) == ("mismatch", 1)
    assert tuple(level.status for level in report.levels.values()) == statuses
    assert report.errors
    assert {f.level for f in report.errors} == {
        n for n, r in report.levels.items() if r.status == "fail"
    }


def test_what_differs_and_was_not_asked_for_decides_nothing(files: Path) -> None:
    report = compared("gelu.keras", "net", "weights")
    assert (report.verdict, report.findings, report.diagnoses) == ("match", [], [])
    assert report.first_divergent_layer is None
    assert [(r.status, r.reason) for r in report.levels.values()] == [
        ("skipped", "--levels"),
        ("pass", None),
        ("skipped", NONE),
    ]


def test_what_was_not_asked_for_still_explains_what_was(here: Path) -> None:
    fpcheck.record(net(), "net")
    report = fpcheck.compare(net(activation="gelu"), "net", levels=["outputs"])
    assert {f.level for f in report.findings} == {"outputs"}
    assert [(d.code, d.summary) for d in report.diagnoses] == [
        ("config-changed", "mid: activation is gelu (golden: relu).")
    ]


def test_no_report_without_a_failed_level_has_errors_or_diagnoses(files: Path) -> None:
    seen = set()
    for path in files.glob("*.*"):
        for golden in ("arch", "net"):
            for levels in ((), ("structure",), ("weights",), ("structure", "outputs")):
                report = compared(path.name, golden, *levels)
                failed = any(level.status == "fail" for level in report.levels.values())
                differs = bool(report.errors or report.diagnoses or report.first_divergent_layer)
                assert failed == (report.verdict == "mismatch")
                assert failed or not differs
                seen.add(report.verdict)
    assert seen == {"match", "mismatch", "incomplete"}


# --- the two sides of a diff ---


def test_a_diff_calls_its_sides_first_and_second(files: Path) -> None:
    report = diff_sources("net.keras", "gelu.keras", None, "none", STATIC)
    assert lines(report) == [
        "✗ mismatch  gelu.keras (keras)",
        "  first      net.keras",
        "  second     gelu.keras",
        "  structure  fail    1 place differs",
        "  weights    pass",
        "  outputs    skipped  the first does not contain it",
        "  first divergent layer: mid",
        "",
        "  config-changed (proved)",
        "    mid: activation is gelu (first: relu).",
        "    · mid: activation is gelu (first: relu)",
        "    · activation: the function that is applied to the result of the layer",
        "    → Build the layer with the first's settings. Most such changes load without an error.",
        "",
        "  where  what            found            first / allowed",
        "  mid    config-changed  activation gelu  relu",
    ]
    told = json.loads(json_report.render(report))
    assert told["first"] == "net.keras"
    assert told["golden"]["name"] == "net"


def _halved(model: keras.Model) -> None:
    model.set_weights([w / 2 for w in model.get_weights()])


def _rounded(model: keras.Model) -> None:
    model.set_weights([w.astype("float16") for w in model.get_weights()])


def _turned(model: keras.Model) -> None:
    model.set_weights([w[::-1] for w in model.get_weights()])


def _fresh(model: keras.Model) -> None:
    model.set_weights(keras.models.clone_model(model).get_weights())


@pytest.mark.parametrize("change", [_halved, _rounded, _turned, _fresh])
def test_no_sentence_of_a_diff_of_two_files_says_golden(
    change: Callable[[keras.Model], None], files: Path
) -> None:
    model = net(16)
    model.save("run1.keras")
    change(model)
    model.save("run2.keras")
    report = diff_sources("run1.keras", "run2.keras", None, "none", STATIC)
    assert report.diagnoses
    told = plain_text(report, verbose=True).replace("no other golden has these values", "")
    assert "golden" not in told


# --- without a framework ---


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes this a machine without Keras and TensorFlow, for whoever asks which there are."""
    versions = environment._version
    frameworks = ("keras", "tensorflow", "tf-nightly", "jax", "torch")
    return lambda: monkeypatch.setattr(
        environment,
        "_version",
        lambda name: "" if name.startswith(frameworks) else versions(name),
    )


def test_outputs_follow_where_they_were_recorded_if_nothing_can_run_them_here(
    here: Path, worker: WorkerClient, bare: Callable[[], None]
) -> None:
    net().save("net.keras")
    golden = record_source("net.keras", RecordRequest(name="net"), Options(), worker).golden
    taken_in = golden.provenance.environment
    bare()
    report = compared("net.keras", "net")
    assert (report.verdict, report.levels["outputs"].status) == ("match", "proved")
    assert report.levels["outputs"].reason == (
        f"for the recorded environment: keras {taken_in['keras']}, tensorflow "
        f"{taken_in['tensorflow']}, {taken_in['system']} {taken_in['machine']}; keras and "
        "tensorflow are not installed here"
    )


def test_they_do_not_follow_in_another_environment_here(
    here: Path, worker: WorkerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    net().save("net.keras")
    record_source("net.keras", RecordRequest(name="net"), Options(), worker)
    monkeypatch.setattr(environment, "_version", lambda name: "9.9")
    report = compared("net.keras", "net")
    assert (report.verdict, report.levels["outputs"].status) == ("incomplete", "skipped")


def test_other_weights_prove_nothing_anywhere(
    here: Path, worker: WorkerClient, bare: Callable[[], None]
) -> None:
    net().save("net.keras")
    record_source("net.keras", RecordRequest(name="net"), Options(), worker)
    bare()
    keras.models.clone_model(net()).save("net.keras")
    report = compared("net.keras", "net")
    assert (report.verdict, report.levels["outputs"].reason) == (
        "mismatch",
        "--static; not proved: the model differs",
    )
