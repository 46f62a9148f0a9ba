"""A golden of the first schema stays readable, and what it did not record proves nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import keras, kl

import fpcheck

GOLDENS = Path(__file__).parents[1] / "golden" / "schema_1"


def first(mean: float = 3.0, vector: float = 1.0, keys: str = "pq") -> keras.Model:
    """The model that was recorded: keys of its ports and given statistics were left out."""
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    x = kl.Normalization(mean=mean, variance=2.0, name="scalar")(a)
    y = kl.Normalization(mean=[vector, 2.0, 3.0], variance=[1.0, 1.0, 4.0], name="vector")(b)
    outputs = [kl.Dense(2, name="d1")(x), kl.Dense(2, name="d2")(y)]
    named = dict(zip(keys, outputs, strict=True))
    model = keras.Model({"a": a, "b": b}, named, name="first")
    for number, weight in enumerate(model.weights, 1):
        values = np.linspace(-1, 1, weight.shape.num_elements()).reshape(weight.shape)
        weight.assign(np.float32(values * number))
    return model


def test_the_recorded_model_matches_when_it_is_run(here: Path) -> None:
    report = fpcheck.compare(first(), "first", goldens=GOLDENS)
    assert {name: level.status for name, level in report.levels.items()} == {
        "structure": "pass",
        "weights": "pass",
        "outputs": "pass",
    }
    assert report.verdict == "match"


def test_what_was_not_recorded_keeps_outputs_from_being_proved(here: Path) -> None:
    first().save("first.keras")
    report = fpcheck.compare("first.keras", "first", goldens=GOLDENS, static=True)
    assert report.verdict == "incomplete"
    assert report.levels["outputs"].reason == (
        "static=True; not proved: an earlier fpcheck recorded the golden, without the keys of its "
        "inputs and outputs"
    )


@pytest.mark.parametrize(
    ("change", "where"),
    [({"mean": 5.0}, "scalar/used_mean"), ({"vector": 4.0}, "vector/used_mean")],
)
def test_what_was_recorded_is_compared(change: dict[str, Any], where: str, here: Path) -> None:
    report = fpcheck.compare(first(**change), "first", goldens=GOLDENS)
    assert report.verdict == "mismatch"
    assert where in [finding.where for finding in report.errors]


def test_recording_again_stores_what_the_first_schema_lacks(here: Path) -> None:
    folder = here / "fingerprints" / "first"
    folder.mkdir(parents=True)
    for name in ("1.yaml", "1.h5"):
        (folder / name).write_bytes((GOLDENS / "first" / name).read_bytes())
    assert fpcheck.record(first(), "first").stored
    report = fpcheck.compare(first(keys="qp"), "first", levels=["structure"])
    assert [finding.code for finding in report.errors] == ["output-changed"]
