"""Names and numbers in sentences."""

import pytest

from fpcheck.diagnosis.case import count, some


@pytest.mark.parametrize(
    ("names", "most", "text"),
    [
        ([], 3, ""),
        (["a"], 3, "a"),
        (["a", "b", "c"], 3, "a, b, c"),
        (["a", "b", "c", "d"], 3, "a, b, c and 1 more"),
        (list("abcdefg"), 2, "a, b and 5 more"),
    ],
)
def test_long_lists_of_names_are_shortened(names: list[str], most: int, text: str) -> None:
    assert some(iter(names), most) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 layers"), (1, "1 layer"), (2, "2 layers")])
def test_words_have_a_plural(number: int, text: str) -> None:
    assert count(number, "layer") == text
