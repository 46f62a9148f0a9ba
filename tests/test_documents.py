"""README.md and docs/ say what the code has, and show what it prints."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from fpcheck.comparison.tolerance import TOLERANCES
from fpcheck.golden.document import SEAL, USUAL
from fpcheck.settings import ModelSettings, Settings, locate

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


@pytest.mark.framework
def test_examples_and_tables_are_what_the_code_gives() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "regenerate_documents.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "README.md and docs/ are current\n", done.stdout + done.stderr
    assert done.returncode == 0


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


FORMAT = (ROOT / "docs" / "golden-format.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("golden", ["demo-digits/1.yaml", "convnextbase/2.yaml"])
def test_the_page_of_the_golden_format_names_every_key(golden: str) -> None:
    text = (ROOT / "fingerprints" / golden).read_text(encoding="utf-8")
    recorded = yaml.safe_load(text.partition(SEAL)[2])
    named = re.findall(r"`(\.?[a-z_0-9.]+)`", FORMAT)
    for section in ("provenance", "source", "model"):
        for key in recorded.pop(section):
            assert {f"{section}.{key}", f".{key}"} & set(named), f"{section}.{key}"
    assert recorded.keys() - {"digest"} <= set(named)


def test_the_page_of_the_golden_format_names_the_usual_values_of_configurations() -> None:
    listed = re.search(r"^Usual values: (.+?)\.\n\n", FORMAT, re.MULTILINE | re.DOTALL)
    assert listed
    pairs = re.findall(r"`([a-z_]+: [^`]+)`", listed[1])
    assert yaml.safe_load("\n".join(pairs)) == USUAL


@pytest.mark.parametrize("name", ["golden-format.md", "reports.md"])
def test_a_page_has_the_table_of_tolerances(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d.e-]+) \| ([\d.e-]+) \|$", text, re.MULTILINE)
    table = [(row, float(weights), float(outputs)) for row, weights, outputs in rows]
    assert table == [(name, row.weights, row.outputs) for name, row in TOLERANCES.items()]


def test_the_page_on_ci_shows_a_configuration_that_is_read_and_names_every_key(here: Path) -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    shown = text.partition("## fpcheck.yaml")[2].partition("```yaml\n")[2].partition("```")[0]
    (here / "fpcheck.yaml").write_text(shown, encoding="utf-8")
    settings = locate(here).settings
    assert settings.models["weights/*.weights.h5"].model == "my_package.models:digits"
    named = set(re.findall(r"`(?:models\.PATTERN)?\.?([a-z_]+)`", text))
    assert {*Settings.__struct_fields__, *ModelSettings.__struct_fields__} <= named


def test_the_page_on_installation_names_every_extra_and_no_other() -> None:
    text = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
    table = text.partition("## Extras")[2]
    first = "".join(re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(re.findall(r"`(\w+)`", first)) == project["optional-dependencies"].keys()
