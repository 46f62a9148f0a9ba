"""Paths that are not UTF-8, or not printable: any command opens them, and shows them escaped."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from attacks import BENIGN

from fpcheck import demo
from fpcheck.codec import PathText, pack, unpack
from fpcheck.errors import FpcheckError, as_text
from fpcheck.model.source import Kind, Options, Source, parse
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.hash_ import hash_weights
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

LINUX = sys.platform == "linux"  # the file systems of others take no bytes that are not UTF-8
NAME = os.fsdecode(b"caf\xe9\x1b[31m.keras") if LINUX else "cafe\x1b[31m.keras"
# In JSON the escape stays a character of its own, which JSON writes as \u001b.
TEXT = "caf\\udce9\x1b[31m.keras" if LINUX else NAME
SHOWN = TEXT.replace("\x1b", "\\x1b")
ID = "b3:59952156498452051257774621d9bbbee3a7c10c00f654414d64555a9cecd917"


def _fpcheck(*args: str) -> tuple[int, list[str], list[str]]:
    """Exit code, lines of output and of errors."""
    done = subprocess.run(
        [sys.executable, "-m", "fpcheck", *args], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


@pytest.fixture
def model(here: Path) -> str:
    """The demo's model in a folder and a file whose names are not UTF-8; the path of the file."""
    folder = here / (os.fsdecode(b"\xff") if LINUX else "models")
    folder.mkdir()
    os.chdir(folder)
    shutil.copy(demo.MODEL, NAME)
    return NAME


def test_such_a_file_is_recorded_compared_and_shown(model: str) -> None:
    code, out, err = _fpcheck("record", model, "digits", "--static")
    folder = as_text(os.fspath(Path.cwd()))
    assert (code, err) == (0, [])
    assert out[1] == f"  {folder}/fingerprints/digits/1.yaml and .h5: commit both"
    code, out, err = _fpcheck("compare", model, "--static")
    assert (code, out[0], err) == (0, f"✓ match  {SHOWN} (keras)", [])
    code, out, err = _fpcheck("compare", model, "--static", "--format", "json")
    assert (code, json.loads("\n".join(out))["candidate"]["source"], err) == (0, TEXT, [])
    assert _fpcheck("show", "digits")[1][1] == f"source       {SHOWN} (keras)"


def test_such_a_file_is_hashed_and_gated_and_diffed(model: str) -> None:
    assert _fpcheck("hash", model) == (0, [ID], [])
    assert _fpcheck("record", model, "digits", "--static")[0] == 0
    code, out, err = _fpcheck("gate", model)
    assert (code, out[0], err) == (0, f"✓ match  {SHOWN} (keras)", [])
    shutil.copy(model, "plain.keras")
    code, out, err = _fpcheck("diff", "plain.keras", model, "--static", "--verbose")
    assert (code, out[0], err) == (0, f"✓ match  {SHOWN} (keras)", [])
    code, out, err = _fpcheck("diff", model, "plain.keras", "--static", "--format", "json")
    assert (code, json.loads("\n".join(out))["verdict"], err) == (0, "match", [])


def test_the_command_that_is_proposed_can_be_written_to_a_file(model: str) -> None:
    assert _fpcheck("record", model, "digits", "--static")[0] == 0
    BENIGN["tiny.keras"].write(Path(model))
    asked = ("compare", model, "--static", "--golden", "digits", "--output", "report.txt")
    assert _fpcheck(*asked) == (1, [], [])
    told = Path("report.txt").read_text(encoding="utf-8").splitlines()
    assert told[0].startswith(f"✗ mismatch  {SHOWN} (keras)")
    assert told[-1] == (
        f"  next: to accept the change, record it: fpcheck record '{TEXT}' digits --static"
    )


def test_errors_show_it_escaped(model: str) -> None:
    Path(model).write_bytes(b"no model")
    code, out, (fact, _) = _fpcheck("compare", model, "--static")
    assert (code, out) == (2, [])
    assert fact.startswith(f"error: {SHOWN}: ")
    assert fact.isprintable()


def test_the_worker_opens_it_and_tells_of_it(model: str, worker: object) -> None:
    record_source(model, RecordRequest(name="digits"), Options(), worker)  # type: ignore[arg-type]
    request = CompareRequest(golden="digits", full=True)
    report = compare_source(model, request, Options(), worker)  # type: ignore[arg-type]
    assert (report.verdict, report.levels["outputs"].status) == ("match", "pass")
    Path(model).write_bytes(b"PK\3\4")
    with pytest.raises(FpcheckError) as raised:
        worker.open(parse(model), Options())  # type: ignore[attr-defined]
    assert raised.value.fact == f"{TEXT}: damaged .keras archive: File is not a zip file"


def test_a_process_of_its_own_reads_it_and_what_lies_beside_it(model: str) -> None:
    BENIGN["tiny-sharded.weights.json"].write(Path("tiny-sharded.weights.json"))
    done = threading.Event()
    threading.Thread(target=done.wait).start()  # beside which nothing is forked
    try:
        assert hash_weights(model, Options(static=True)) == ID
        sharded = hash_weights("tiny-sharded.weights.json", Options(static=True))
    finally:
        done.set()
    assert sharded == hash_weights("tiny-sharded.weights.json", Options(static=True))


def test_a_path_crosses_a_process_as_it_is_and_its_text_as_it_is_shown() -> None:
    source = Source(NAME, Kind.FILE, PathText(NAME))
    back = unpack(pack(source), Source)
    assert (back, back.text, os.fsencode(back.target)) == (source, TEXT, os.fsencode(NAME))
    options = Options(model=NAME, weights=NAME)  # type: ignore[arg-type]  # as through the API
    assert unpack(pack(options), Options) == options
    assert unpack(pack(Options()), Options) == Options()
