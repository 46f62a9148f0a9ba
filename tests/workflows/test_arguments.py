"""A part of the measured arguments, quick enough to guard them; `benchmarks/arguments` is all."""

import random

import pytest

from benchmarks.arguments import page, recipes, subjects
from benchmarks.arguments.routes import ROUTES
from benchmarks.arguments.sweep import Row

# What once was a false match, or was found without its name.
ONCE_WRONG = ["ops.ExpandDims", "ops.Stack", "ops.ElasticTransform", "Normalization", "Pipeline"]
SAMPLE = random.Random(14).sample(
    [name for name in subjects.subjects() if name not in (*ONCE_WRONG, subjects.PAIRS)], 12
)


def _wrong(rows: list[Row]) -> list[tuple[str, str, str, str, str]]:
    """What is not a mismatch that names the argument, where outputs differ."""
    return [
        (row.kind, row.label, row.key, row.new, f"{route}: {wrong}")
        for row in rows
        for route in ROUTES
        if (wrong := row.wrong(route))
    ]


@pytest.mark.parametrize("name", [*ONCE_WRONG, *SAMPLE])
def test_an_argument_that_changes_outputs_is_a_mismatch_that_names_it(name: str) -> None:
    rows = subjects.measured(name, most=2)
    assert any(row.tried for row in rows) or name.startswith("ops.")  # whose inputs are guessed
    assert _wrong(rows) == []


@pytest.fixture(scope="module")
def pairs() -> list[Row]:
    return subjects.measured(subjects.PAIRS)


def test_state_and_constants_that_change_outputs_never_match(pairs: list[Row]) -> None:
    assert [wrong for wrong in _wrong(pairs) if not wrong[-1].endswith("incomplete")] == []


def test_a_pair_differs_on_the_inputs_it_is_tried_on(pairs: list[Row]) -> None:
    assert [row.label for row in pairs if row.key and not row.matters] == []


def test_recipes_name_layers_that_keras_has() -> None:
    assert [name for name in recipes.RECIPES if name not in recipes.classes()] == []


def test_the_section_replaces_itself_and_leaves_the_rest_of_the_page() -> None:
    text = "# Detection\n\n## Totals\n\nsome\n\n## Measured on\n\nhere\n"
    once = page.placed(text, f"{page.HEADING}\n\nfirst\n")
    assert page.kept(once) == f"{page.HEADING}\n\nfirst\n"
    twice = page.placed(once, f"{page.HEADING}\n\nsecond\n")
    assert twice == text.replace("## Measured on", f"{page.HEADING}\n\nsecond\n\n## Measured on")
    assert page.kept(text) == ""
