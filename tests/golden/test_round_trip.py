"""A golden's two files give back what was stored, on examples that hypothesis draws."""

from typing import Any

import msgspec
import numpy as np
from builders import convnet, fingerprint, golden, layer, network, outputs, perceptron, trained
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from fpcheck.codec import pack
from fpcheck.comparison.tolerance import TOLERANCES, Tolerances
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.golden import arrays, document
from fpcheck.golden.document import SEAL, Editable
from fpcheck.golden.golden import Provenance, SourceRecord

NET = perceptron(4)
FULL = fingerprint(NET, outputs=outputs(NET))
DATA = arrays.encode(FULL)
TEXT = st.text(max_size=30)
BOUNDS = st.sampled_from(sorted(TOLERANCES)) | st.floats(0, 1e9)
EDITABLE = st.builds(Editable, TEXT, st.builds(Tolerances, BOUNDS, BOUNDS))
SOURCES = st.builds(
    SourceRecord,
    TEXT,
    TEXT,
    st.none() | TEXT,
    st.none() | st.integers(0, 2**60),
    st.lists(TEXT, max_size=2).map(tuple),
)
PROVENANCES = st.builds(Provenance, *[TEXT] * 4, st.dictionaries(TEXT, TEXT, max_size=3))


@given(EDITABLE, SOURCES, PROVENANCES)
@example(Editable(f"{SEAL}digest: b3:0\n"), SourceRecord("", ""), Provenance("", "", "", "", {}))
def test_a_document_says_what_was_written(
    editable: Editable, source: SourceRecord, provenance: Provenance
) -> None:
    made = golden(
        FULL,
        note=editable.note,
        tolerances=editable.tolerances,
        source=source,
        provenance=provenance,
    )
    found, head = document.read(document.write(made, DATA), "g.yaml")
    assert (found, head.source, head.provenance) == (editable, source, provenance)


@given(EDITABLE, EDITABLE)
def test_a_new_note_leaves_the_recorded_part_as_it_is(first: Editable, second: Editable) -> None:
    text = document.write(golden(FULL, note=first.note, tolerances=first.tolerances), DATA)
    changed = document.edited(text, second)
    assert document.read(changed, "g.yaml") == (second, document.read(text, "g.yaml")[1])
    assert document.edited(changed, first) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def fingerprints(draw: st.DrawFn) -> Fingerprint:
    net = draw(st.sampled_from([perceptron(3), convnet(4)]))
    values = trained(net, draw(st.integers(0, 99)))
    for name in draw(st.lists(st.sampled_from(sorted(values)), max_size=2)):
        values[name] = values[name] * np.float32(draw(st.floats(width=32)))
    parts: dict[str, Any] = {"outputs": outputs(net)} if draw(st.booleans()) else {}
    return fingerprint(net, values, **parts)


def plainly(measured: Fingerprint) -> object:
    """All of its content as builtins, arrays with type, shape and bytes."""
    return msgspec.msgpack.decode(pack(measured))


@given(fingerprints())
def test_arrays_give_back_the_fingerprint(measured: Fingerprint) -> None:
    data = arrays.encode(measured)
    assert plainly(arrays.decode(data)) == plainly(measured)
    assert arrays.encode(arrays.decode(data)) == data


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4), st.text(min_size=1, max_size=9))
def test_any_configuration_comes_back(config: dict[str, Any], path: str) -> None:
    net = network(replace(layer(path, "Odd"), config=config))
    assert arrays.decode(arrays.encode(Fingerprint(net, None))).structure == net
    text = document.write(golden(Fingerprint(net, None)), b"")
    assert document.read(text, "g.yaml")[1].model["class"] == "Functional"
