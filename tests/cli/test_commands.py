"""The commands as a user runs them: real processes, whole messages, exit codes."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fpcheck.demo import MODEL, TEST_IMAGES

DEMO = ("record", str(MODEL), "digits", "--preprocess", "tf", "--data", str(TEST_IMAGES))


def fpcheck(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fpcheck", *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with spaces in its name and one golden."""
    folder = tmp_path_factory.mktemp("my models")
    done = fpcheck(*DEMO, "--note", "trained on digits", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "recorded digits@1: structure, weights, outputs; 30 layers, 24,730 parameters\n"
        "  preprocess tf, noise 3.2e-07\n"
        "  accuracy on 540 examples: top-1 99.26%, top-5 100.00%\n"
        f"  {folder}/fingerprints/digits/1.yaml and .h5: commit both\n"
    ).replace("3.2e-07", _noise(done.stdout))
    return folder


def _noise(text: str) -> str:
    return text.partition("noise ")[2].partition("\n")[0]


def test_recording_the_same_again_stores_nothing(project: Path) -> None:
    again = fpcheck(*DEMO, cwd=project)
    path = project / "fingerprints/digits/1.yaml"
    assert again.stdout == f"digits@1 already says the same: nothing stored ({path})\n"
    assert again.returncode == 0
    assert not (path.parent / "2.yaml").exists()


def test_a_true_copy_matches(project: Path) -> None:
    done = fpcheck("compare", str(MODEL), cwd=project)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines == [
        f"✓ match  {MODEL} (keras)",
        "  golden     digits@1, the golden of the same name — trained on digits",
        "  structure  pass",
        "  weights    pass",
        "  outputs    proved  same weights, configuration and environment, no custom code",
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_fault_is_reported_as_json_alone_on_stdout(project: Path) -> None:
    done = fpcheck(
        "compare",
        "fpcheck.demo.faults:kernel_flipped",
        "--golden",
        "digits",
        "--format",
        "json",
        cwd=project,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert list(report) == [
        "schema",
        "verdict",
        "golden",
        "candidate",
        "levels",
        "first_divergent_layer",
        "findings",
        "diagnoses",
        "notes",
        "elapsed_seconds",
    ]
    assert report["schema"] == "fpcheck-report/1"
    assert report["verdict"] == "mismatch"
    assert {n: level["status"] for n, level in report["levels"].items()} == {
        "structure": "pass",
        "weights": "fail",
        "outputs": "fail",
    }
    assert report["first_divergent_layer"] == "conv1"
    assert report["findings"][0] | {"actual": 0} == {
        "level": "weights",
        "code": "tensor-changed",
        "layer": "conv1",
        "tensor": "kernel",
        "metric": "relative_l2",
        "expected": None,
        "actual": 0,
        "tolerance": 0.0,
        "severity": "error",
    }
    (diagnosis,) = report["diagnoses"]
    assert (diagnosis["code"], diagnosis["layers"], diagnosis["confidence"]) == (
        "kernel-flipped",
        ["conv1"],
        1.0,
    )


def test_levels_that_were_not_asked_for_are_skipped_and_full_runs_what_is_proved(
    project: Path,
) -> None:
    narrow = fpcheck(
        "compare",
        str(MODEL),
        "--golden",
        "digits",
        "--levels",
        "structure",
        "--format",
        "json",
        cwd=project,
    )
    assert narrow.returncode == 0
    assert json.loads(narrow.stdout)["levels"] == {
        "structure": {"status": "pass", "reason": None},
        "weights": {"status": "skipped", "reason": "--levels"},
        "outputs": {"status": "skipped", "reason": "--levels"},
    }
    full = fpcheck(
        "compare", str(MODEL), "--golden", "digits", "--full", "--format", "json", cwd=project
    )
    assert full.returncode == 0
    assert json.loads(full.stdout)["levels"]["outputs"] == {"status": "pass", "reason": None}


def test_preprocessing_left_out_is_caught_by_validate(project: Path) -> None:
    data = ("--data", str(TEST_IMAGES), "--golden", "digits", "--format", "json")
    right = fpcheck("validate", str(MODEL), *data, cwd=project)
    assert right.returncode == 0, right.stderr
    assert json.loads(right.stdout)["accuracy"]["changed"] == 0
    wrong = fpcheck("validate", str(MODEL), *data, "--preprocess", "none", cwd=project)
    report = json.loads(wrong.stdout)
    assert wrong.returncode == 1
    assert [d["code"] for d in report["diagnoses"]] == ["preprocessing-changed"]
    assert report["accuracy"]["top1"] < 0.3 < report["accuracy"]["expected_top1"]


def test_a_changed_model_is_stored_as_the_next_version_with_what_changed(
    project: Path, tmp_path: Path
) -> None:
    goldens = ("--goldens", str(tmp_path))
    assert fpcheck(*DEMO[:3], *goldens, cwd=project).returncode == 0
    done = fpcheck(
        "record",
        "fpcheck.demo.faults:epsilon_changed",
        "digits",
        *goldens,
        "--note",
        "new epsilon",
        cwd=project,
    )
    assert "bn1: epsilon is 0.1 (golden: 0.001)." in done.stdout
    assert "recorded digits@2" in done.stdout
    shown = fpcheck("show", "digits@2", *goldens, cwd=project)
    assert "note         new epsilon" in shown.stdout
    listed = fpcheck("list", *goldens, cwd=project)
    assert listed.stdout.splitlines()[1].split()[:3] == ["digits", "2", "structure,weights,outputs"]
    against = fpcheck("diff", "digits@1", "digits@2", *goldens, cwd=project)
    assert against.returncode == 1
    assert "config-changed (proved)" in against.stdout
    verified = fpcheck("verify", *goldens, cwd=project)
    assert verified.stdout == f"2 sound, 0 damaged in {tmp_path}\n"
    damaged = tmp_path / "digits" / "1.h5"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    verified = fpcheck("verify", *goldens, cwd=project)
    assert verified.returncode == 2
    assert verified.stdout == f"1 sound, 1 damaged in {tmp_path}\n"
    assert verified.stderr == (
        f"error: {damaged}: damaged golden: it is not the file that 1.yaml describes\n"
        "Restore it from version control (git checkout), or record it again.\n"
    )


ERRORS = [
    (
        ("compare", "nosuch.keras"),
        "error: nosuch.keras: no such file\n"
        "Give a .keras, .h5, .weights.h5 or .weights.json file.\n",
    ),
    (
        ("compare", "nosuch.weights.json"),
        "error: nosuch.weights.json: no such file\n"
        "Give a .keras, .h5, .weights.h5 or .weights.json file.\n",
    ),
    (
        ("compare", "resnet5"),
        "error: resnet5: no such file, and no such model in keras.applications\n"
        "Did you mean resnet50? Allowed: a file, an application's name (resnet50), or "
        "package.module:function.\n",
    ),
    (
        ("compare", "pointer.h5"),
        "error: pointer.h5: a git-lfs pointer, not the model\nRun: git lfs pull\n",
    ),
    (
        ("compare", "empty.h5"),
        "error: empty.h5: the file is empty\nSave or download the model again.\n",
    ),
    (
        ("compare", "noise.h5"),
        "error: noise.h5: not in a file format that fpcheck knows\n"
        "Give a .keras, .h5, .weights.h5 or .weights.json file.\n",
    ),
    (
        ("compare", "https://alice:s3cret@127.0.0.1:9/m.keras?sig=T0P"),
        "error: https://127.0.0.1:9/m.keras: its host refuses the connection\n"
        "Check the address, and that the server runs.\n",
    ),
    (
        ("show", "nosuch"),
        "error: nosuch: no such golden in {cwd}/fingerprints\n"
        "Record one first. How: fpcheck record --help\n",
    ),
    (
        ("compare", "resnet50", "--format", "yaml"),
        "error: --format yaml: no such format\nAllowed: text, json.\n",
    ),
    (
        ("compare", "resnet50", "--levels", "colour"),
        "error: --levels colour: no such level\nAllowed: structure, weights, outputs.\n",
    ),
]


@pytest.mark.parametrize(("args", "message"), ERRORS, ids=[" ".join(a) for a, _ in ERRORS])
def test_an_error_is_two_lines_and_exit_code_two(
    args: tuple[str, ...], message: str, here: Path
) -> None:
    (here / "pointer.h5").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (here / "empty.h5").touch()
    (here / "noise.h5").write_bytes(bytes(range(64)))
    done = fpcheck(*args, cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == message.format(cwd=here)


def test_weights_that_cannot_be_downloaded_are_told_in_two_lines(here: Path) -> None:
    empty = {**os.environ, "KERAS_HOME": str(here), "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-m", "fpcheck", "record", "resnet50"],
        cwd=here,
        env=empty,
        capture_output=True,
        text=True,
        check=False,
    )
    first, second = done.stderr.splitlines()
    assert done.returncode == 2
    assert first.startswith("error: resnet50: the ImageNet weights cannot be downloaded: ")
    assert second == (
        "Use --weights random --seed 0, or --weights FILE with a file of ResNet50's weights."
    )


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
@pytest.mark.parametrize("args", [["list"], ["show", "resnet50"]])
def test_a_reader_that_has_gone_is_an_error_and_no_mismatch(args: list[str], here: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "fpcheck", *args],
        cwd=here,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_an_error(unbuffered: str, here: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fpcheck", "list"],
            cwd=here,
            stdout=full,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == (
        "error: the output cannot be written (No space left on device)\n"
        "Free some disk space, or choose another place.\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="its shell closes no streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize(("command", "status"), [("show vgg16", 0), ("compare nosuch.keras", 2)])
def test_streams_that_the_caller_closed_change_no_verdict(
    command: str, status: int, closed: str, here: Path
) -> None:
    line = f"{shlex.quote(sys.executable)} -m fpcheck {command} {closed}"
    done = subprocess.run(line, shell=True, cwd=here, capture_output=True, text=True, check=False)
    told = "" if "2>&-" in closed or not status else "error: nosuch.keras: no such file\n"
    assert (done.returncode, done.stderr[: len(told)]) == (status, told)
    assert "fpcheck itself failed" not in done.stderr


@pytest.mark.parametrize(
    "args", [["list"], ["verify"], ["show", "vgg16"], ["--help"], ["compare", "nosuch.keras"]]
)
def test_commands_that_run_no_model_import_no_framework(args: list[str], here: Path) -> None:
    script = (
        "import sys\nsys.argv = ['fpcheck', *sys.argv[1:]]\nfrom fpcheck.cli import run\nrun()\n"
        "print(sorted({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *args], cwd=here, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
