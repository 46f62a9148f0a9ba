"""Every limit on what a model file may ask for holds; most are lowered until a file is beyond."""

import pytest
from attacks.reading import Limits, Outcome, read_all
from attacks.refusals import Refusal

from fpcheck.files import limits

TINY_ID = "b3:0cc3444f46e24222141ad8fb0204e14ec1f2e31a11ab45454f7abe562d87ee32"
# Limits, a file, and what it is refused for as in `refusals.txt`; nothing where it is read.
ROWS: list[tuple[Limits, str, str]] = [
    (
        {"CONFIG_BYTES": 1000},
        "tiny.keras",
        "{file}: refused: the archive has a config.json of 2,124 bytes, of 1,000 allowed",
    ),
    ({"CONFIG_BYTES": 1000}, "tiny.h5", "{config}: refused: 1,875 bytes long, of 1,000 allowed"),
    ({"CONFIG_DEPTH": 3}, "tiny.keras", "{config}: refused: nested deeper than 3 levels"),
    ({"ZIP_MEMBERS": 2}, "tiny.keras", "{file}: refused: the archive has 3 members, more than 2"),
    ({"EXPANSION": 1}, "tiny-deflated.keras", ""),
    (
        {"EXPANSION": 1, "EXPANSION_FLOOR": 500},
        "tiny-deflated.keras",
        "{file}: refused: the archive has a member of 2,124 bytes made from …: config.json",
    ),
    (
        {"HDF5_OBJECTS": 5},
        "tiny.keras",
        "{weights}: refused: the file contains more than 5 objects",
    ),
    (
        {"HDF5_DEPTH": 2},
        "tiny.keras",
        "{weights}: refused: layers/dense/vars lies deeper than 2 groups",
    ),
    ({"RANK": 1}, "tiny.keras", "{weights}: refused: {kernel} has more than 1 dimensions"),
    (
        {"ATTRIBUTE_BYTES": 15},
        "tiny.h5",
        "{file}: refused: model_weights: layer_names is longer than an attribute may be",
    ),
    (
        {"VOCABULARY_BYTES": 9},
        "words-beside.keras",
        "{file}: refused: the archive has a assets/layers/string_lookup/vocabulary.txt of 10 "
        "bytes, of 9 allowed",
    ),
    (
        {"LAYERS": 2},
        "tiny.keras",
        "{file}: its configuration is not one that Keras writes (ValueError more than 2 layers)",
    ),
    (
        {"ADAPTED_BYTES": 47},
        "tiny-adapted.h5",
        "{file}: refused: {kernel} is far too large for what it is",
    ),
    ({"SHARDS": 1}, "tiny-sharded.weights.json", "{file}: refused: 2 shards, of 1 to 1 allowed"),
    # Through the library in many parts, the values are the same.
    ({"SLAB_BYTES": 16}, "tiny-compressed.h5", ""),
    (
        {"SECONDS": 1.0},
        "heap-without-end.weights.h5",
        "{file}: reading it took more than 1 s of processor time, so it was ended",
    ),
    # What `test_limited_process.py` has more of: values may take longer.
    ({"SECONDS": 0.0, "SECONDS_PER_GB": 1e6}, "tiny.h5", ""),
    (
        {"ADDRESS_SPACE": 2**25, "ATTRIBUTE_BYTES": 2**30},
        "large-attribute.weights.h5",
        "{file}: refused: it asks for more memory than reading may take",
    ),
    (
        {"REPLY_BYTES": 100},
        "tiny.h5",
        "{file}: refused: describes more than 100 bytes of structure",
    ),
]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    return read_all(tmp_path_factory.mktemp("limits"), *((name, held) for held, name, _ in ROWS))


@pytest.mark.parametrize("row", range(len(ROWS)), ids=lambda row: "-".join(ROWS[row][0]))
def test_a_file_beyond_a_limit_is_refused_and_one_within_is_read(
    row: int, read: list[Outcome]
) -> None:
    fact, found = ROWS[row][2], read[row]
    assert found.accepted == ("" if fact else TINY_ID), found
    assert Refusal("…", fact, []).says(found.fact, found.advice, found.path), found


def test_every_limit_is_tried() -> None:
    named = {name for name in vars(limits) if name.isupper()}
    # A unit; what is expected of remote files, which only adds to the address space; and how long
    # a child may do nothing, which no file brings about (`test_limited_process.py`).
    others = {"MIB", "REMOTE_BYTES", "STALLED_SECONDS"}
    assert {name for held, _, _ in ROWS for name in held} == named - others
