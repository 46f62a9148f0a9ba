"""YAML that people edit: each attack is refused at once, with the file and the line."""

import time

import pytest

from fpcheck.codec import Value
from fpcheck.errors import FpcheckError
from fpcheck.golden import strict_yaml
from fpcheck.golden.document import Editable

BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(97 + n)}: &{chr(97 + n)} [{', '.join(['*' + chr(96 + n)] * 9)}]\n" for n in range(1, 26)
)
PLAIN, CORRECT = "Write plain keys and values.", "Correct the file."
DEEP = "f.yaml, line 1: nested deeper than 32"


class Any(Value, frozen=True):
    note: str = ""
    inner: dict[str, object] = {}  # noqa: RUF012


@pytest.mark.parametrize(
    ("text", "fact", "advice"),
    [
        (BOMB, "f.yaml, line 1: anchors and aliases are not allowed", PLAIN),
        ("note: x\ninner: &a {}", "f.yaml, line 2: anchors and aliases are not allowed", PLAIN),
        ("\nnote: *a", "f.yaml, line 2: anchors and aliases are not allowed", PLAIN),
        ("note: !!python/object:os.system x", "f.yaml, line 1: tags are not allowed", PLAIN),
        ("note: !!binary aGk=", "f.yaml, line 1: tags are not allowed", PLAIN),
        ("note: !mine x", "f.yaml, line 1: tags are not allowed", PLAIN),
        ("!!set {note}", "f.yaml, line 1: tags are not allowed", PLAIN),
        ("inner:\n  <<: {a: 1}", "f.yaml, line 2: merge keys are not allowed", PLAIN),
        ("note: a\nnote: b", "f.yaml, line 2: the key 'note' is repeated", PLAIN),
        ("note: a\n'note': b", "f.yaml, line 2: the key 'note' is repeated", PLAIN),
        ("inner: {a: 1,\n b: {c: 1}, a: 2}", "f.yaml, line 2: the key 'a' is repeated", PLAIN),
        ("[" * 50_000, DEEP, PLAIN),
        ("{a: " * 50_000, DEEP, PLAIN),
        ("- " * 50_000, DEEP, PLAIN),
        ("? " * 50_000, DEEP, PLAIN),
        ("\n".join(" " * n + "a:" for n in range(500)), DEEP.replace("line 1", "line 33"), PLAIN),
        ("inner:\n  a: [1", "f.yaml, line 3: not YAML: did not find expected ',' or ']'", CORRECT),
        ("note: 'abc", "f.yaml, line 1: not YAML: found unexpected end of stream", CORRECT),
        (
            "note: a\n b: c",
            "f.yaml, line 2: not YAML: mapping values are not allowed in this context",
            CORRECT,
        ),
        ("note: a\n---\nnote: b", "f.yaml, line 2: not YAML: but found another document", CORRECT),
        ("? [a]\n: b", "f.yaml, line 1: not YAML: found unhashable key", CORRECT),
        ("note: \x00", "f.yaml: not YAML: not readable", CORRECT),
        ("\x89HDF\r\n\x1a\n\x00", "f.yaml: not YAML: not readable", CORRECT),
        ("", "f.yaml: Expected `object`, got `null`", CORRECT),
        ("just text", "f.yaml: Expected `object`, got `str`", CORRECT),
        ("note: 5", "f.yaml: Expected `str`, got `int` - at `$.note`", CORRECT),
        ("noet: a", "f.yaml: Object contains unknown field `noet`", CORRECT),
    ],
)
def test_the_attack_is_refused_quickly(text: str, fact: str, advice: str) -> None:
    start = time.perf_counter()
    with pytest.raises(FpcheckError) as caught:
        strict_yaml.load(text, Any, "f.yaml")
    assert (caught.value.fact, caught.value.advice) == (fact, advice)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    "value",
    ["2026-13-45", "2026-01-01 25:61:00", "0001-01-01 00:00:00+23:00", "0b_", "0x_", "9" * 5000],
    ids=lambda value: value[:20],
)
def test_an_impossible_date_or_number_is_text_or_is_refused(value: str) -> None:
    try:
        found = strict_yaml.load(f"note: {value}", Any, "f.yaml")
    except FpcheckError as error:
        assert error.fact.startswith("f.yaml")  # noqa: PT017
    else:
        assert found.note == value


@pytest.mark.parametrize("number", ["1:30", "1:30.5", "12:34:56"])
def test_numbers_to_the_base_of_sixty_are_no_tolerances(number: str) -> None:
    with pytest.raises(FpcheckError) as caught:
        strict_yaml.load(f"tolerances: {{outputs: {number}}}", Editable, "f.yaml")
    assert str(caught.value).startswith("f.yaml")


@pytest.mark.parametrize(
    ("bound", "fact"),
    [
        ("nope", "tolerance nope: no such row"),
        ("-1", "tolerance -1.0: not a finite number of 0 or more"),
        (".nan", "tolerance nan: not a finite number of 0 or more"),
        (".inf", "tolerance inf: not a finite number of 0 or more"),
    ],
)
def test_a_tolerance_that_is_none_is_refused_with_its_file(bound: str, fact: str) -> None:
    with pytest.raises(FpcheckError) as caught:
        strict_yaml.load(f"tolerances: {{outputs: {bound}}}", Editable, "f.yaml")
    assert caught.value.fact == f"f.yaml: {fact}"


def test_plain_yaml_is_read() -> None:
    text = "note: 'a: b'  # said\ninner:\n  a: [1, 2.5, true, null]\n  '1': {b: x}\n  c: '<<'\n"
    found = strict_yaml.load(text, Any, "f.yaml")
    assert found == Any("a: b", {"a": [1, 2.5, True, None], "1": {"b": "x"}, "c": "<<"})


def test_what_is_nested_as_deep_as_allowed_is_read() -> None:
    depth = strict_yaml.DEEPEST - 1
    found = strict_yaml.load("inner: " + "{a: " * depth + "1" + "}" * depth, Any, "f.yaml")
    assert str(found.inner).count("a") == depth


def test_equal_keys_of_different_mappings_are_no_repetition() -> None:
    text = "inner: {a: {b: 1}, c: {b: 1, a: 2}, d: [{b: 1}, {b: 2}], b: a}"
    assert list(strict_yaml.load(text, Any, "f.yaml").inner) == ["a", "c", "d", "b"]
