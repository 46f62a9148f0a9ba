"""Writes what README.md and docs/ take from the code: console outputs, commands, options, codes.

    python scripts/regenerate_documents.py           # writes the pages
    python scripts/regenerate_documents.py --check   # shows what would change; exit 1 if anything

The examples run in the order of PAGES, in one project that is empty at first. A comment
`<!-- example: NAME -->` above an example names a function of SCENES, which prepares the project.
"""

import argparse
import difflib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import typer

from fpcheck import demo
from fpcheck.cli import COMMANDS, app

ROOT = Path(__file__).resolve().parents[1]
# README.md comes first: it records the golden that the other pages compare with.
PAGES = (
    "README.md",
    "docs/commands.md",
    "docs/reports.md",
    "docs/ci.md",
    "docs/golden-format.md",
)
# What the outputs call the folder that they ran in.
PROJECT = "/home/you/project"
EXAMPLE = re.compile(r"(?:<!-- example: (\w+) -->\n)?```console\n(.*?)```\n", re.DOTALL)
# What differs from run to run and from machine to machine.
VOLATILE = re.compile(r'noise \S+|"elapsed_seconds": \S+')
SETTINGS = "models:\n  models/*.keras:\n    golden: digits\n"
WEIGHTS = "model.weights.h5"


def approved(project: Path) -> None:
    """Put the good model into the project."""
    (project / "models").mkdir(exist_ok=True)
    shutil.copy(demo.MODEL, project / "models" / "digits.keras")


def converted(project: Path) -> None:
    """Exchange the kernels of two layers in the model file."""
    path = project / "models" / "digits.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[WEIGHTS] = _exchanged(members[WEIGHTS], "block1_conv2", "block2_conv1")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _exchanged(content: bytes, first: str, second: str) -> bytes:
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as weights:
        places: list[str] = []
        weights.visit(places.append)
        named = {weights[place].attrs.get("name"): weights[place] for place in places}
        one, other = named[first]["0"], named[second]["0"]
        one[...], other[...] = other[()], one[()]
    return file.getvalue()


def structured(project: Path) -> None:
    """Put the good model back, and record a golden without weights."""
    approved(project)
    _output("fpcheck record models/digits.keras architecture --levels structure --static", project)


def configured(project: Path) -> None:
    """Put the good model back, and write fpcheck.yaml."""
    approved(project)
    (project / "fpcheck.yaml").write_text(SETTINGS, encoding="utf-8")


def checker(project: Path) -> None:
    """Take the program that checks a golden from its page."""
    page = (ROOT / "docs" / "golden-format.md").read_text(encoding="utf-8")
    program = page.partition("```python\n")[2].partition("```")[0]
    (project / "check_golden.py").write_text(program, encoding="utf-8")


SCENES: dict[str, Callable[[Path], None]] = {
    scene.__name__: scene for scene in (approved, converted, structured, configured, checker)
}


def with_outputs(text: str, project: Path) -> str:
    """A page with the output of each command below it, as it is now."""

    def rerun(match: re.Match[str]) -> str:
        scene, block = match.groups()
        if scene:
            SCENES[scene](project)
        commands = [line for line in block.splitlines() if line.startswith("$ ")]
        new = "\n".join(f"{line}\n{_output(line[2:], project)}" for line in commands)
        if VOLATILE.sub("", new) == VOLATILE.sub("", block):
            return match.group()
        return match.group().replace(block, new)

    return EXAMPLE.sub(rerun, text)


def _output(line: str, project: Path) -> str:
    program, *words = shlex.split(line)
    python = [sys.executable, "-m", "fpcheck"] if program == "fpcheck" else [sys.executable]
    done = subprocess.run(
        [*python, *words],
        cwd=project,
        env={**os.environ, "COLUMNS": "100", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (done.stdout + done.stderr).replace(str(project), PROJECT).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _parameters() -> Iterator[tuple[str, Any]]:
    group: Any = typer.main.get_command(app)
    for name in COMMANDS:
        for parameter in group.get_command(None, name).params:
            yield name, parameter


def commands() -> str:
    """A table of the commands, with their arguments and the first line of their help."""
    arguments: dict[str, list[str]] = {name: [] for name in COMMANDS}
    for name, parameter in _parameters():
        if parameter.param_type_name == "argument":
            shown = str(parameter.metavar or parameter.name).upper()
            always = parameter.required or shown.startswith("[")
            arguments[name].append(shown if always else f"[{shown}]")
    group: Any = typer.main.get_command(app)
    rows = ["| command | what it does |", "|---|---|"]
    for name, words in arguments.items():
        does = (group.get_command(None, name).help or "").partition("\n\n")[0]
        call = " ".join(["fpcheck", name, *words])
        rows.append(f"| `{call}` | {' '.join(does.split())} |")
    return "\n".join(rows)


def options() -> str:
    """A table of the options of all commands, with the commands that take each."""
    taken: dict[tuple[str, str], list[str]] = {}
    for name, parameter in _parameters():
        if parameter.param_type_name == "option":
            shown = ", ".join(f"`{option}`" for option in sorted(parameter.opts, key=len)[::-1])
            value = "" if parameter.is_flag else f" `{parameter.metavar}`".replace("|", r"\|")
            does = parameter.help or ""
            if not parameter.is_flag and parameter.default not in (None, ""):
                does += f" [default: {parameter.default}]"
            taken.setdefault((shown + value, does), []).append(name)
    rows = ["| option | what it does | commands |", "|---|---|---|"]
    for (option, does), names in sorted(taken.items()):
        everywhere = len(names) == len(COMMANDS)
        rows.append(f"| {option} | {does} | {'all' if everywhere else ', '.join(names)} |")
    return "\n".join(rows)


def codes() -> str:
    """The codes of all diagnoses by level, each a link to its page."""
    index = (ROOT / "docs" / "diagnoses" / "README.md").read_text(encoding="utf-8")
    levels: dict[str, list[str]] = {}
    for code, level in re.findall(r"^\| \[(\S+)\]\(\S+\) \| (\w+) \|", index, re.MULTILINE):
        levels.setdefault(level, []).append(f"[`{code}`](docs/diagnoses/{code}.md)")
    rows = ["| level | diagnoses |", "|---|---|"]
    rows += [f"| {level} | {' · '.join(links)} |" for level, links in levels.items()]
    return "\n".join(rows)


TABLES = {"commands": commands, "options": options, "codes": codes}


def with_tables(text: str) -> str:
    """A page with each table between its two comments, as the code has it now."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        before, found, rest = text.partition(begin)
        if found:
            text = f"{before}{begin}{table()}\n{end}{rest.partition(end)[2]}"
    return text


def main() -> int:
    """Write the pages, or show how they differ from what the code gives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    status = 0
    with tempfile.TemporaryDirectory(prefix="fpcheck-documents-") as folder:
        project = Path(folder).resolve()
        for page in PAGES:
            old = (ROOT / page).read_text(encoding="utf-8")
            new = with_outputs(with_tables(old), project)
            if new != old and check:
                lines = (old.splitlines(keepends=True), new.splitlines(keepends=True))
                sys.stdout.writelines(difflib.unified_diff(*lines, page, "the code"))
                status = 1
            elif new != old:
                (ROOT / page).write_text(new, encoding="utf-8")
                print(f"wrote {page}")
    if status == 0 and check:
        print("README.md and docs/ are current")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
