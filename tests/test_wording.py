"""Commands are made in one place, quoted for a shell, and have a form in Python."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from fpcheck.codec import PathText
from fpcheck.errors import FpcheckError
from fpcheck.model.source import Options
from fpcheck.wording import command, for_python, given, in_python
from fpcheck.workflows.plan import CompareRequest

PACKAGE = Path(__file__).parents[1] / "fpcheck"


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (command("list", goldens=None), "fpcheck list"),
        (command("list", goldens=Path("my goldens")), "fpcheck list --goldens 'my goldens'"),
        (command("record", help=True), "fpcheck record --help"),
        (
            command("record", "it's.keras", "x", levels=("structure", "weights"), trust=False),
            """fpcheck record 'it'"'"'s.keras' x --levels structure,weights""",
        ),
        (
            command("compare", "m.keras", custom_objects="a.b", static=True, preprocess=""),
            "fpcheck compare m.keras --custom-objects a.b --static",
        ),
        (command("record", "-m.keras", static=True), "fpcheck record --static -- -m.keras"),
        (
            command("compare", "s3://me:key@host/m.keras?sig=1", model="https://u:p@h/a.keras"),
            "fpcheck compare s3://host/m.keras --model https://h/a.keras",
        ),
    ],
)
def test_a_command_runs_as_printed(made: str, line: str) -> None:
    assert made == line
    assert shlex.split(made)[0] == "fpcheck"


def test_what_the_user_gave_is_what_differs_from_the_defaults() -> None:
    assert given(Options()) == {}
    assert given(Options(model=PathText("a b.keras"), static=True, seed=3)) == {
        "seed": 3,
        "model": "a b.keras",
        "static": True,
    }
    assert given(CompareRequest(golden="a@1", levels=("weights",))) == {
        "golden": "a@1",
        "levels": ("weights",),
    }


IN_PYTHON = [
    ("named by --golden", "named by golden=…"),
    ("--static: it is not run", "static=True: it is not run"),
    ("--levels: no level named", "levels=…: no level named"),
    ("--levels colour: no such level", 'levels=["colour"]: no such level'),
    ("Leave out: --levels LIST.", "Leave out: levels=[...]."),
    (
        "Leave out --static, or --levels outputs and --data.",
        'Leave out static=True, or levels=["outputs"] and data=….',
    ),
    (
        "Use --weights random --seed 0, or --weights FILE with a file.",
        'Use weights="random" seed=0, or weights="FILE" with a file.',
    ),
    ("does not fit --model 'a b.keras': it lacks", 'does not fit model="a b.keras": it lacks'),
    ("with --probes FILE.npz, or leave", 'with probes="FILE.npz", or leave'),
    ("--debug shows where.", "the traceback shows where."),
    ("3 notes (--verbose shows them)", "3 notes (report.findings shows them)"),
    (
        "Record it: fpcheck record '<Functional '\"'\"'net'\"'\"'>' net --levels structure,weights",
        'Record it: fpcheck.record(model, "net", levels=["structure", "weights"])',
    ),
    (
        "Name one: fpcheck compare 'my m.keras' --golden a@1 --custom-objects b.c --static",
        'Name one: fpcheck.compare("my m.keras", golden="a@1", custom_objects="b.c", static=True)',
    ),
    ("fpcheck record --static -- -m.keras", 'fpcheck.record("-m.keras", static=True)'),
    ("Record one first. How: fpcheck record --help", "Record one first. How: help(fpcheck.record)"),
    (
        "to see all: fpcheck show net@1 --goldens d",
        'to see all: fpcheck.load_golden("net@1", goldens="d")',
    ),
    ("Goldens: a. To list all: fpcheck list", "Goldens: a. To list all: fpcheck list"),
    ("my--model.keras: a file-like --name", "my--model.keras: a file-like --name"),
]


@pytest.mark.parametrize(("text", "told"), IN_PYTHON, ids=[text for text, _ in IN_PYTHON])
def test_messages_have_the_words_of_the_python_api(text: str, told: str) -> None:
    assert in_python(text) == told
    assert in_python(told) == told


def test_errors_raised_in_python_have_them_too() -> None:
    with pytest.raises(FpcheckError) as caught, for_python():
        raise FpcheckError("--tolerance x: no such row", "Give --tolerance float16.")
    assert str(caught.value) == 'tolerance="x": no such row\nGive tolerance="float16".'
    assert caught.value.args == ('tolerance="x": no such row', 'Give tolerance="float16".')


def _texts(path: Path) -> list[str]:
    """The string literals of a module but for docstrings; X for what an f-string puts in."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(None)
    inside = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (v.value if isinstance(v, ast.Constant) else "X" for v in node.values)
            found.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [] if id(node) in inside else [node.value]
    return found


MODULES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if path.name != "wording.py" and path.parent.name != "cli"
)


@pytest.mark.parametrize("path", MODULES, ids=[p.relative_to(PACKAGE).as_posix() for p in MODULES])
def test_every_message_names_commands_and_options_that_have_a_form_in_python(path: Path) -> None:
    shell_only = {"--format", "--output", "--quiet"}
    for text in _texts(path):
        left = set(re.findall(r"(?<![\w/.=-])--[a-z][a-z-]*", in_python(text)))
        assert left <= shell_only, text
        # The story of the demo shows what it does itself.
        if path.name != "story.py":
            assert not re.search(r"\bfpcheck (record|compare|show|diff|list|verify)\b", text), text
