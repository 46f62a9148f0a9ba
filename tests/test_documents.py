"""README.md and docs/ say what the code has, and show what it prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fpcheck.formats.file_head import SUFFIXES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def test_examples_and_tables_are_what_the_code_gives() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "regenerate_documents.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "README.md and docs/ are current\n", done.stdout + done.stderr
    assert done.returncode == 0


def test_the_readme_names_the_suffix_of_every_format_and_no_other() -> None:
    table = README.partition("<!-- formats -->\n")[2].partition("<!-- /formats -->")[0]
    named = set(re.findall(r"`(\.[\w.]+)`", table))
    assert set(SUFFIXES) <= named
    assert all(name.endswith(SUFFIXES) for name in named)


@pytest.mark.parametrize("path", PAGES, ids=[p.relative_to(ROOT).as_posix() for p in PAGES])
def test_links_lead_to_files_and_headings(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https:", "http:")):
            continue
        file, _, heading = target.partition("#")
        to = (path.parent / file) if file else path
        assert to.exists(), target
        if heading:
            assert heading in _headings(to.read_text("utf-8")), target


def _headings(text: str) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
