"""What a person decided for a golden stays decided for its next versions."""

from pathlib import Path
from typing import Any

import keras
import models
import pytest

from fpcheck.comparison.tolerance import Tolerances
from fpcheck.errors import FpcheckError
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import Entry
from fpcheck.model.source import Options
from fpcheck.workflows.plan import RecordRequest
from fpcheck.workflows.record import record_source
from fpcheck.workflows.recording import Recording

STATIC = Options(static=True)


def recorded(path: str, **asked: Any) -> Recording:
    return record_source(path, RecordRequest(name="net", **asked), STATIC)


def changed(path: str, by: float) -> None:
    model = models.sequential_net()
    model.set_weights([w * by for w in model.get_weights()])
    model.save(path)


@pytest.fixture
def first(here: Path) -> Golden:
    models.sequential_net().save("net.keras")
    changed("next.keras", 1.0001)
    return recorded("net.keras", note="trained by Ann").golden


def loosened(golden: Golden) -> None:
    """Version 1 after a person has edited what it allows."""
    assert golden.path is not None
    text = golden.path.read_text()
    golden.path.write_text(text.replace("weights: exact", "weights: float16"))


def test_loosened_tolerances_are_kept_and_a_note_is_not(first: Golden) -> None:
    loosened(first)
    second = recorded("next.keras").golden
    assert (second.version, second.note) == (2, "")
    assert second.tolerances == Tolerances(weights="float16")
    assert second.path is not None
    assert Entry(second.path).load().tolerances == second.tolerances


def test_a_tolerance_that_is_asked_for_is_taken_and_the_other_kept(first: Golden) -> None:
    loosened(first)
    second = recorded("next.keras", tolerance="int8").golden
    assert second.tolerances == Tolerances(weights="float16", outputs="int8")


def test_tolerances_that_nobody_decided_follow_the_layers(first: Golden) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        models.sequential_net().save("half.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    assert recorded("half.keras").golden.tolerances == Tolerances(outputs="bfloat16")


def test_the_newest_version_of_an_unchanged_model_gets_note_and_tolerance(first: Golden) -> None:
    recorded("next.keras", note="second")
    again = recorded("next.keras", note="seen by Bo", tolerance="float16")
    assert (again.stored, again.edited) == (False, ("note", "tolerances"))
    assert again.golden.path is not None
    found = Entry(again.golden.path).load()
    assert (found.label, found.note) == ("net@2", "seen by Bo")
    assert found.tolerances == again.golden.tolerances == Tolerances(outputs="float16")
    assert Entry(again.golden.path.with_name("1.yaml")).load().note == "trained by Ann"
    quiet = recorded("next.keras")
    assert (quiet.stored, quiet.edited, quiet.golden.note) == (False, (), "seen by Bo")


def test_an_unknown_tolerance_is_refused_and_nothing_is_edited(first: Golden) -> None:
    with pytest.raises(FpcheckError, match="tolerance float17: no such row"):
        recorded("net.keras", note="no", tolerance="float17")
    assert first.path is not None
    assert Entry(first.path).load().note == "trained by Ann"


def test_what_the_configuration_says_of_a_file_is_how_it_is_recorded(here: Path) -> None:
    """`--model` need not be given again for a file that the configuration maps."""
    models.sequential_net().save("arch.keras")
    models.sequential_net().save_weights("w.weights.h5")
    Path("fpcheck.yaml").write_text(
        "models:\n  w.weights.h5:\n    golden: sequence\n    model: arch.keras\n"
    )
    found = record_source("w.weights.h5", RecordRequest(), STATIC)
    assert (found.stored, found.golden.label) == (True, "sequence@1")
    assert found.golden.fingerprint.levels == ("structure", "weights")
    named = record_source("w.weights.h5", RecordRequest(name="other"), STATIC)
    assert named.golden.label == "other@1"
