"""The gate on files that are no models, and by levels."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from msgspec.structs import replace

from fpcheck.cli.gate import _show
from fpcheck.demo import MODEL
from fpcheck.errors import FpcheckError
from fpcheck.golden.store import Store
from fpcheck.model.source import Options
from fpcheck.workflows.gate import Outcome, exit_code, gate
from fpcheck.workflows.plan import RecordRequest
from fpcheck.workflows.record import record_source

STATIC = Options(static=True)
DATA = "an HDF5 file, not a Keras model: it contains the data sets x, y and no layers"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"


@pytest.fixture
def data(here: Path) -> Path:
    with h5py.File("train_data.h5", "w") as file:
        file["x"], file["y"] = np.ones((4, 3)), np.arange(4)
    return Path("train_data.h5")


def checked(*paths: Path, levels: tuple[str, ...] | None = None) -> list[Outcome]:
    return gate(paths, options=STATIC, levels=levels)


def test_a_data_set_is_passed_over_with_a_note(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (outcome,) = outcomes = checked(data)
    assert (outcome.skipped, outcome.reason, exit_code(outcomes)) == (True, DATA, 0)
    _show(outcome, quiet=False, verbose=False)
    assert capsys.readouterr().out == f"– not checked  train_data.h5\n  {DATA}\n"


def test_it_stops_the_gate_where_the_configuration_names_it(data: Path) -> None:
    record_source(MODEL, RecordRequest(name="digits"), STATIC)
    Path("fpcheck.yaml").write_text("models:\n  train*.h5:\n    golden: digits\n")
    (outcome,) = outcomes = checked(data)
    assert exit_code(outcomes) == 2
    assert outcome.error == (
        f"train_data.h5: {DATA}\nGive a .keras, .h5, .weights.h5 or .weights.json file."
    )


def test_it_stops_the_gate_where_an_approved_model_lay(data: Path) -> None:
    shutil.copy(MODEL, "reader.keras")
    record_source("reader.keras", RecordRequest(name="digits"), STATIC)
    shutil.copy(data, "reader.keras")
    shutil.copy(data, "digits.h5")
    assert [o.exit_code for o in checked(Path("reader.keras"), Path("digits.h5"), data)] == [
        2,
        2,
        0,
    ]


def test_the_name_of_a_golden_that_comes_with_fpcheck_stops_nothing(data: Path) -> None:
    shutil.copy(data, "demo-digits.h5")
    assert exit_code(checked(Path("demo-digits.h5"))) == 0


@pytest.mark.parametrize("stands_for", [POINTER, b"", b"<html>", b"\x89HDF\r\n\x1a\n" + bytes(90)])
def test_what_stands_for_a_model_or_is_a_damaged_one_stops_the_gate(
    stands_for: bytes, here: Path
) -> None:
    Path("model.h5").write_bytes(stands_for)
    assert exit_code(checked(Path("model.h5"))) == 2


def test_levels_narrow_the_verdict(here: Path) -> None:
    shutil.copy(MODEL, "digits.keras")
    golden = record_source("digits.keras", RecordRequest(), STATIC).golden
    (outcome,) = checked(Path("digits.keras"))
    assert (outcome.exit_code, golden.label) == (0, "digits@1")
    bare = replace(golden, version=2, fingerprint=replace(golden.fingerprint, weights=None))
    Store(here / "fingerprints").save(bare)
    asked = (None, ("structure",), ("structure", "weights"))
    codes = [checked(Path("digits.keras"), levels=levels)[0].exit_code for levels in asked]
    assert codes == [3, 0, 3]


def test_levels_that_there_are_not_are_refused_at_once(data: Path) -> None:
    with pytest.raises(FpcheckError) as raised:
        checked(data, levels=("colour",))
    assert str(raised.value) == (
        "--levels colour: no such level\nAllowed: structure, weights, outputs."
    )
