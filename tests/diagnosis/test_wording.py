"""Names and numbers in sentences."""

import pytest

from fpcheck.diagnosis.evidence import count, some


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
def test_a_few_names_stand_for_many(names: list[str], most: int, text: str) -> None:
    assert some(iter(names), most) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 layers"), (1, "1 layer"), (2, "2 layers")])
def test_numbers_agree_with_their_word(number: int, text: str) -> None:
    assert count(number, "layer") == text
