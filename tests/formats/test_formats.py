"""What fpcheck knows of a file format follows from its row in `FORMATS`, and from its module."""

import inspect
import json
import re
import sys
import types
from pathlib import Path

import h5py
import numpy as np
import pytest

from fpcheck import formats
from fpcheck.errors import FpcheckError
from fpcheck.files.region import FileRegion
from fpcheck.formats import FORMATS, recognition
from fpcheck.formats.assembly import Derived, weights_only
from fpcheck.formats.format import Code, Contains, Format
from fpcheck.formats.opened import Opened
from fpcheck.formats.raw_file import RawFile, raw_file
from fpcheck.formats.recognition import open_model, recognise
from fpcheck.model.source import parse

ROOT = Path(__file__).parents[2]
# The functions that a format needs for what it contains.
FUNCTIONS = {
    Contains.MODEL: {"recognises", "read", "load", "load_weights", "keras_version"},
    Contains.WEIGHTS: {"recognises", "read", "load_weights"},
    Contains.ARCHITECTURE: {"recognises", "read", "load", "keras_version"},
}


def no_sibling(name: str) -> FileRegion:
    raise AssertionError(name)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
def test_a_format_has_the_functions_for_what_it_contains(known: Format) -> None:
    every = {name for name in vars(Code) if not name.startswith("_")}
    assert {name for name in every if hasattr(known.code, name)} == FUNCTIONS[known.contains]
    for name in FUNCTIONS[known.contains]:
        asked = [*inspect.signature(getattr(Code, name)).parameters.values()][1:]
        taken = inspect.signature(getattr(known.code, name)).parameters.values()
        assert [p.kind for p in taken] == [p.kind for p in asked]


def test_the_readme_lists_the_formats() -> None:
    block = (ROOT / "README.md").read_text().partition("<!-- formats -->\n")[2]
    rows = ["| format | files | contain | written by |", "|---|---|---|---|"]
    for known in FORMATS:
        files = ", ".join(f"`{suffix}`" for suffix in known.suffixes)
        files += "" if known.one_file else " and the files that it lists"
        saved = f"`model.{known.saved_by}()`"
        rows.append(f"| `{known.name}` | {files} | {known.contains} | {saved} |")
    assert block.partition("<!-- /formats -->")[0].splitlines() == rows


def test_the_hook_runs_on_files_with_weights_and_on_goldens() -> None:
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text()
    suffixes = "|".join(re.escape(s.removeprefix(".")) for s in formats.gate_suffixes())
    assert f"  files: \\.({suffixes})$|(^|/)fingerprints/.+\\.(yaml|h5)$\n" in hook


def test_the_advice_names_the_usual_suffix_of_each_format_with_weights() -> None:
    assert formats.give() == "Give a .keras, .h5, .weights.h5 or .weights.json file."


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.keras", "a"),
        ("a.b.h5", "a.b"),
        ("a.weights.h5", "a"),
        ("a.weights.hdf5", "a"),
        ("a.weights.json", "a"),
        ("a.json", "a"),
        ("a.weights", "a.weights"),
        ("a.txt", "a.txt"),
    ],
)
def test_the_stem_of_a_name_is_without_the_suffix(name: str, stem: str) -> None:
    assert formats.stem(name) == stem


def hdf5(**attributes: object) -> None:
    with h5py.File("model.h5", "w") as file:
        file["layers/dense/vars/0"] = np.ones(2, "f4")
        file.attrs.update(attributes)


def recognised(path: str) -> str:
    with raw_file(Path(path), path) as file:
        return recognise(file).name


def test_hdf5_files_are_told_apart_by_their_attributes(here: Path) -> None:
    hdf5()
    assert recognised("model.h5") == "weights-h5"
    hdf5(layer_names=[b"dense"])
    assert recognised("model.h5") == "keras-h5-weights"
    hdf5(layer_names0=[b"dense"], layer_names1=[b"other"])
    assert recognised("model.h5") == "keras-h5-weights"
    hdf5(layer_names=[b"dense"], model_config="{}")
    assert recognised("model.h5") == "keras-h5"


def test_json_files_are_told_apart_by_their_keys(here: Path) -> None:
    Path("a.json").write_text(json.dumps({"class_name": "Model", "config": {}}))
    assert recognised("a.json") == "model-json"
    Path("a.json").write_text(json.dumps({"weight_map": {"/layers": "a_00000.weights.h5"}}))
    assert recognised("a.json") == "weights-json"
    Path("a.json").write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": {}}))
    assert recognised("a.json") == "weights-json"


def test_a_user_block_before_hdf5_changes_nothing(here: Path) -> None:
    with h5py.File("model.h5", "w", userblock_size=1024) as file:
        file["layers/dense/vars/0"] = np.ones(2, "f4")
    assert recognised("model.h5") == "weights-h5"


def test_a_file_that_a_format_can_read_is_not_walked_for_other_data(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk(file: RawFile) -> None:
        raise AssertionError(file.label)

    monkeypatch.setattr(recognition, "check_hdf5", walk)
    hdf5()
    with raw_file(Path("model.h5"), "model.h5") as file:
        assert open_model(file.region, file.label, no_sibling).format == "weights-h5"
    with h5py.File("model.h5", "w") as written:
        written["x"] = np.ones(2)
    with raw_file(Path("model.h5"), "model.h5") as file, pytest.raises(AssertionError):
        open_model(file.region, file.label, no_sibling)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new format: a row and a module."""
    code = types.ModuleType("fpcheck.formats.toy")

    def read(file: RawFile, sibling: object) -> Opened:
        values = np.frombuffer(file.region.read(4, file.region.size), "f4")
        found = weights_only({}, {})
        found.stored.append(Derived(values, "float32"))
        return Opened(found)

    vars(code).update(recognises=lambda file: True, read=read)
    monkeypatch.setitem(sys.modules, code.__name__, code)
    row = Format("toy", (".toy",), (b"TOY1",), Contains.WEIGHTS, "save_toy")
    monkeypatch.setattr(formats, "FORMATS", (*FORMATS, row))


def test_a_new_format_takes_a_row_and_a_module(toy: None, here: Path) -> None:
    Path("net.toy").write_bytes(b"TOY1" + np.ones(3, "f4").tobytes())
    assert parse("net.toy").name == "net"
    with raw_file(Path("net.toy"), "net.toy") as file:
        opened = open_model(file.region, file.label, no_sibling)
    assert opened.format == "toy"
    assert [item.shape for item in opened.assembled.stored] == [(3,)]
    assert formats.give() == "Give a .keras, .h5, .weights.h5, .weights.json or .toy file."
    assert formats.gate_suffixes() == (".keras", ".h5", ".hdf5", ".weights.json", ".toy")
    with pytest.raises(FpcheckError, match=r"^other\.toy: no such file\nGive a \.keras"):
        parse("other.toy")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.keras", "a"),
        ("a.weights.h5", "a"),
        ("a.weights.hdf5", "a"),
        ("a.weights.weights.h5", "a.weights"),
        ("a.weights.json", "a"),
        ("a.onnx", "a.onnx"),
    ],
)
def test_the_name_of_a_model_has_one_suffix_less(name: str, expected: str) -> None:
    assert formats.stem(name) == expected
