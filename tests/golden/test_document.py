"""The YAML of a golden: readable, sealed below, editable above."""

import pytest
import yaml
from builders import edited, fingerprint, golden, outputs, perceptron
from msgspec.structs import replace

from fpcheck.comparison.tolerance import Tolerances
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.outputs import Outputs
from fpcheck.golden import arrays, document
from fpcheck.golden.document import SEAL
from fpcheck.golden.golden import SCHEMA, Golden, SourceRecord

NET = perceptron(4)
OUTPUTS = outputs(NET)
FULL = fingerprint(NET, outputs=OUTPUTS)
DATA = arrays.encode(FULL)
RESTORE = "Restore it from version control (git checkout), or record it again."


def text_of(made: Golden) -> str:
    return document.write(made, DATA)


def resealed(text: str, old: str, new: str) -> str:
    """The text with its recorded part changed and its digest made to fit."""
    above, _, below = text.partition(SEAL)
    recorded = below.partition("\n")[2].replace(old, new)
    return f"{above}{SEAL}digest: {digest.text(digest.of_bytes(recorded.encode()))}\n{recorded}"


def test_what_is_written_is_read() -> None:
    made = golden(FULL, note="why", tolerances=Tolerances(1e-3, "float16"))
    editable, head = document.read(text_of(made), "g.yaml")
    assert editable == document.Editable("why", Tolerances(1e-3, "float16"))
    assert (head.schema, head.name, head.version) == (SCHEMA, "net", 1)
    assert head.levels == ("structure", "weights", "outputs")
    assert head.arrays == digest.text(digest.of_bytes(DATA))
    assert FULL.content_id is not None
    assert head.content_id == digest.text(FULL.content_id)
    assert head.structure == digest.text(NET.digest)
    assert head.shape == digest.text(NET.shape_digest)
    assert (head.provenance, head.source) == (made.provenance, made.source)


def test_writing_twice_gives_equal_text() -> None:
    assert text_of(golden(FULL)) == text_of(golden(FULL))


def test_the_whole_text_is_plain_yaml_with_a_line_for_each_layer_and_tensor() -> None:
    text = text_of(golden(FULL))
    whole = yaml.safe_load(text)
    assert [line["layer"] for line in whole["layers"]] == [la.path for la in NET.layers]
    assert [line["tensor"] for line in whole["tensors"]] == [
        f"{la.path}/{t.role}" for la, t in NET.tensors
    ]
    assert [line["digest"] for line in whole["tensors"]] == [
        digest.text(m.digest) for m in FULL.weights or ()
    ]
    assert text.isascii()
    lines = text.splitlines()
    start = lines.index("layers:")
    assert lines[start + 1 : start + 3] == [
        "- {layer: values, class: InputLayer, output: [[null, 4]]}",
        "- {layer: first, class: Dense, from: [values], output: [[null, 4]], config: {units: 4}}",
    ]
    assert len(lines) == start + 1 + len(NET.layers) + 1 + len(NET.tensors)


def test_the_summary_is_for_people() -> None:
    model = document.read(text_of(golden(FULL)), "g.yaml")[1].model
    logits = model.pop("logits")
    assert model == {
        "class": "Functional",
        "layers": 4,
        "parameters": 90,
        "trainable": 90,
        "inputs": ["values (?, 4) float32"],
        "outputs": ["last (?, 10) float32"],
        "preprocess": "none",
        "probes": ["values values (4, 8)"],
        "noise": {"repeat": 0.0, "batch_size": 0.0, "threads": 0.0, "predict": None},
        "provable": True,
        "unreached": [],
        "untried": [],
    }
    assert list(logits) == ["head"]
    assert len(logits["head"]) == 5


@pytest.mark.parametrize(
    "outputs",
    [
        replace(OUTPUTS, noise=replace(OUTPUTS.noise, repeat=1e-9)),
        replace(OUTPUTS, environment={"keras": "other"}),
        replace(OUTPUTS, preprocess="package:function"),
    ],
    ids=["noisy", "recorded elsewhere", "function of one's own"],
)
def test_outputs_that_may_differ_next_time_are_not_provable(outputs: Outputs) -> None:
    made = golden(replace(FULL, outputs=outputs))
    assert document.read(text_of(made), "g.yaml")[1].model["provable"] is False


@pytest.mark.parametrize(
    "note",
    [
        "",
        "plain",
        "1:30",
        "2026-11-23",
        "2026-13-45",
        "0b_",
        "yes",
        "null",
        "5",
        "a: b",
        "# no",
        "two\nlines\n",
        "Käse 鱼 😀",
        "\ttab ",
        "it's",
        '"',
        "<<",
        "=",
        "!x",
        "&a",
        "*",
        "\x07",
        "---",
        "digest: b3:0",
        "\nlayers:\n",
        SEAL,
        f"x\n{SEAL}digest: b3:00\n",
    ],
)
def test_any_note_survives(note: str) -> None:
    editable, head = document.read(text_of(golden(FULL, note=note)), "g.yaml")
    assert (editable.note, head.name) == (note, "net")


@pytest.mark.parametrize("text", ["a\nlayers:\nb", "C:\\x.keras", "{a}", "'", SEAL])
def test_any_source_survives(text: str) -> None:
    made = golden(FULL, source=SourceRecord(text, "keras-h5", "b3:00"))
    assert document.read(text_of(made), "g.yaml")[1].source.text == text


@pytest.mark.parametrize("name", ["a: b", "{", "ü", "a\nlayers:\n", "yes", "- x", SEAL])
def test_any_name_of_a_layer_survives(name: str) -> None:
    net = edited(NET, "first", path=name)
    text = document.write(golden(Fingerprint(net)), DATA)
    assert document.read(text, "g.yaml")[1].structure == digest.text(net.digest)
    assert yaml.safe_load(text)["layers"][1]["layer"] == name


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("note: trained by hand", "note: 'approved, see #12'", ("approved, see #12", Tolerances())),
        ("note: trained by hand", "note: |\n  two\n  lines", ("two\nlines\n", Tolerances())),
        ("note: trained by hand\n", "", ("", Tolerances())),
        ("outputs: float32", "outputs: 0.5", ("trained by hand", Tolerances(outputs=0.5))),
        ("weights: exact", "weights: float16", ("trained by hand", Tolerances("float16"))),
        ("  outputs: float32\n", "  # mine\n", ("trained by hand", Tolerances())),
    ],
)
def test_note_and_tolerances_may_be_edited(
    old: str, new: str, wanted: tuple[str, Tolerances]
) -> None:
    text = text_of(golden(FULL))
    above, seal, below = text.partition(SEAL)
    assert old in above
    editable, head = document.read(above.replace(old, new) + seal + below, "g.yaml")
    assert (editable.note, editable.tolerances) == wanted
    assert head == document.read(text, "g.yaml")[1]


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        (SEAL, "", "g.yaml: damaged golden: its seal is missing"),
        ("# Recorded", "# recorded", "g.yaml: damaged golden: its seal is missing"),
        ("version: 1", "version: 2", "g.yaml: damaged golden: its recorded part was changed"),
        ("digest: b3:", "digest: b4:", "g.yaml: damaged golden: its recorded part was changed"),
        ("units: 10", "units: 11", "g.yaml: damaged golden: its recorded part was changed"),
    ],
)
def test_what_is_recorded_may_not_be_edited(old: str, new: str, fact: str) -> None:
    text = text_of(golden(FULL))
    assert old in text
    with pytest.raises(FpcheckError) as caught:
        document.read(text.replace(old, new, 1), "g.yaml")
    assert str(caught.value) == f"{fact}\n{RESTORE}"


def test_nothing_may_follow_or_be_cut_off() -> None:
    text = text_of(golden(FULL))
    for other in (text + "\n", text + "x: 1\n", text[:-1], text[: len(text) // 2]):
        with pytest.raises(FpcheckError) as caught:
            document.read(other, "g.yaml")
        assert caught.value.fact == "g.yaml: damaged golden: its recorded part was changed"


def test_an_unknown_newer_schema_is_refused_with_the_way_out() -> None:
    text = resealed(text_of(golden(FULL)), f"schema: {SCHEMA}", "schema: fpcheck-golden/3")
    with pytest.raises(FpcheckError) as caught:
        document.read(text, "g.yaml")
    assert str(caught.value) == (
        "g.yaml: schema fpcheck-golden/3, this fpcheck reads fpcheck-golden/1 and "
        "fpcheck-golden/2\n"
        "Update: pip install -U fpcheck"
    )


def test_figures_are_left_out_where_only_the_structure_was_taken() -> None:
    text = document.write(golden(replace(FULL, weights=None, outputs=None)), DATA)
    assert "- {tensor: first/kernel, shape: [4, 4], dtype: float32}" in text.splitlines()
    assert document.read(text, "g.yaml")[1].content_id is None
