"""Each diagnosis has a page, all pages have the same headings, and the index names them all."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import fpcheck.diagnosis
from fpcheck.diagnosis.weights.known_mistakes import MOVED, ROUNDED

PAGES = Path(__file__).parents[2] / "docs" / "diagnoses"
LEVELS = {
    "weights": (
        "not-loaded",
        "batchnorm-statistics-reset",
        "roles-mixed",
        "layers-swapped",
        "kernel-flipped",
        "kernel-transposed",
        "input-channels-reversed",
        "axis-permuted",
        "rescaled",
        "cast-float16",
        "cast-bfloat16",
        "quantized",
        "zeroed",
        "non-finite",
        "point-change",
        "head-replaced",
        "fine-tuned",
        "other-checkpoint",
        "tensors-missing",
        "weights-elsewhere",
    ),
    "structure": (
        "config-changed",
        "layers-added",
        "layers-removed",
        "layers-renamed",
        "graph-rewired",
        "sharing-lost",
        "input-changed",
        "output-changed",
        "dtype-changed",
        "wrong-architecture",
    ),
    "outputs": (
        "preprocessing-changed",
        "training-mode-on",
        "nondeterministic",
        "derived-state-stale",
        "vocabulary-changed",
        "custom-code-changed",
        "builtin-redefined",
        "outputs-reordered",
        "head-activation-changed",
        "numeric-environment",
    ),
}
CODES = tuple(code for codes in LEVELS.values() for code in codes)
HEADINGS = ["What you see", "How it happens", "How fpcheck knows", "How to fix it"]
ON_ALL = pytest.mark.parametrize("code", CODES)


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def test_every_code_has_a_page_and_there_is_no_other() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {*CODES, "README"}


@pytest.mark.parametrize("level", LEVELS)
def test_every_code_has_a_rule_of_its_own_in_the_folder_of_its_level(level: str) -> None:
    folder = Path(fpcheck.diagnosis.__path__[0]) / level
    rules = [path.stem.replace("_", "-") for path in folder.glob("*.py") if _is_rule(path)]
    if level == "weights":  # those of `known_mistakes` are rows
        rules += [f"cast-{kind}" for kind in ROUNDED] + [code for code, *_ in MOVED]
    assert sorted(rules) == sorted(LEVELS[level])


def _is_rule(path: Path) -> bool:
    return "def diagnose(" in path.read_text(encoding="utf-8")


def test_the_index_has_every_code_once_in_order_with_its_level_and_meaning() -> None:
    rows = re.findall(r"^\| \[(\S+)\]\((\S+)\) \| (\w+) \| (.+) \|$", page("README"), re.MULTILINE)
    expected = [
        (code, f"{code}.md", level, page(code).split("\n## ")[0].partition("\n")[2])
        for level, codes in LEVELS.items()
        for code in codes
    ]
    shown = [
        (code, file, level, " ".join(text.split())[:-1]) for code, file, level, text in expected
    ]
    assert rows == shown


@ON_ALL
def test_every_page_has_its_title_its_meaning_and_all_headings(code: str) -> None:
    text = prose(page(code))
    assert re.match(rf"# {code}\n\n\w[^#]*\.\n\n## ", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert text.count("\n# ") == 0


@ON_ALL
def test_every_page_shows_a_report_and_names_its_own_code(code: str) -> None:
    seen = page(code).partition("## How it happens")[0]
    assert re.search(rf"^```\n.*\b{code}\b.*^```$", seen, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", [*CODES, "README"])
def test_links_lead_to_pages(code: str) -> None:
    links = re.findall(r"\[([^\]]+)\]\(([^)]+)\)", prose(page(code)))
    assert all(target == f"{name}.md" and name in CODES for name, target in links)
    assert code not in {name for name, _ in links}


@ON_ALL
def test_pages_stay_short(code: str) -> None:
    lines = page(code).splitlines()
    assert 20 <= len(lines) <= 45
    assert max(map(len, lines)) <= 118


# `layers-renamed` is a note, so its page shows a report without a diagnosis.
@pytest.mark.parametrize("code", [code for code in CODES if code != "layers-renamed"])
def test_the_report_on_a_page_says_what_the_code_says(code: str) -> None:
    block = re.search(r"^```\n(.*?)^```$", page(code), re.MULTILINE | re.DOTALL)
    assert block
    _, _, said = block[1].partition("\n")
    summary, *lines = re.split(r"^  (?=[·→] )", said, flags=re.MULTILINE)
    *evidence, advice = [" ".join(line.split())[2:] for line in lines]
    assert any(re.fullmatch(text, advice) for text in _texts()), advice
    for sentence in (" ".join(summary.split()), *evidence):
        assert any(re.search(text, sentence) for text in _texts()), sentence


# Of a text with gaps, so many characters must be its own for it to say anything.
OWN = 8


@cache
def _texts() -> frozenset[str]:
    """Every text in the rules, as a pattern: a gap where something is put in."""
    found: set[str] = set()
    for path in Path(fpcheck.diagnosis.__path__[0]).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        parts = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
        for node in ast.walk(tree):
            if id(node) in prose | parts:
                continue
            pieces = node.values if isinstance(node, ast.JoinedStr) else [node]
            own = [
                v.value if isinstance(v, ast.Constant) and isinstance(v.value, str) else None
                for v in pieces
            ]
            if sum(len(piece or "") for piece in own) >= OWN:
                pattern = "".join(".*" if p is None else re.escape(p) for p in own)
                found.add(re.sub(r"\\\{\w+\\\}", ".*", pattern))
    return frozenset(found)
