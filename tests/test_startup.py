"""Commands start soon: what they must not import, and the file that is read early."""

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fpcheck import demo, startup
from fpcheck.formats import model_file
from fpcheck.formats.model_file import ModelFile, open_model_file
from fpcheck.model.source import Options
from fpcheck.processes import limited_process
from fpcheck.workflows.plan import RecordRequest
from fpcheck.workflows.record import record_source

FRAMEWORKS = {"tensorflow", "keras", "jax", "torch"}
ARRAYS = {"numpy", "h5py"}
# A worker, rules, and the parsing of files, which only the child does.
COSTLY = {"fpcheck.model.worker_client", "fpcheck.diagnosis", "fpcheck.formats.reader"}
TERMINAL = {"rich"}


@pytest.fixture
def recorded(here: Path) -> Path:
    """A folder with the bundled model and its golden without outputs."""
    shutil.copy(demo.MODEL, "digits.keras")
    record_source("digits.keras", RecordRequest(), Options(static=True))
    return here


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        ("--version", FRAMEWORKS | ARRAYS | COSTLY | TERMINAL | {"msgspec", "yaml"}),
        ("list", FRAMEWORKS | ARRAYS | COSTLY),
        ("show digits", FRAMEWORKS | COSTLY),
        ("verify", FRAMEWORKS | COSTLY),
        ("compare digits.keras --static", FRAMEWORKS | COSTLY),
        ("compare digits.keras --static --format json", FRAMEWORKS | COSTLY | TERMINAL),
        ("hash digits.keras", FRAMEWORKS | COSTLY | TERMINAL | {"h5py"}),
        (
            "record digits.keras other --static",
            FRAMEWORKS | COSTLY - {"fpcheck.model.worker_client"},
        ),
        ("diff digits.keras digits.keras", FRAMEWORKS | {"fpcheck.diagnosis"}),
        ("gate digits.keras --static", FRAMEWORKS | {"fpcheck.diagnosis"}),
    ],
)
def test_a_command_imports_only_what_it_needs(
    command: str, absent: set[str], recorded: Path
) -> None:
    code = (
        "import sys; from fpcheck.cli import run; "
        f"print(run(), sorted(set({sorted(absent)}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split()], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


def test_the_file_that_is_read_early_is_the_one_that_the_command_opens(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_process, "may_fork", lambda: True)
    monkeypatch.setattr(ModelFile, "begin", lambda *_: None)
    startup.read_early("digits.keras")
    early = model_file._early
    assert early is not None
    with closing(open_model_file(str(recorded / "digits.keras"), "digits.keras")) as file:
        assert file is early
        assert model_file._early is None


def test_a_file_that_no_command_opens_is_closed(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    monkeypatch.setattr(ModelFile, "close", lambda file: closed.append(file.path))
    early = ModelFile(str(recorded / "digits.keras"), "digits.keras")
    model_file.keep_for_opening(early)
    shutil.copy("digits.keras", "other.keras")
    assert open_model_file(str(recorded / "other.keras"), "other.keras") is not early
    startup.end_early()
    assert (closed, model_file._early) == ([early.path], None)


@pytest.mark.parametrize("source", ["resnet50", "nosuch.keras", "https://host/model.keras", "."])
def test_only_a_local_file_is_read_early(
    source: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_process, "may_fork", lambda: True)
    startup.read_early(source)
    assert model_file._early is None


@pytest.mark.parametrize("name", ["n" * 300 + ".keras", "nul\0.keras"])
def test_a_name_that_no_file_can_have_is_not_read_early(name: str, here: Path) -> None:
    startup.read_early(name)
