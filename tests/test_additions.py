"""Additions to a copy of fpcheck, each through the seam that CONTRIBUTING names alone."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fpcheck import demo

ROOT = Path(__file__).parents[1]
NEW = "the file is new"
# File, the text in it that is replaced, the text that replaces it.
Edits = tuple[tuple[str, str, str], ...]

FILE_FORMAT: Edits = (
    (
        "formats/toy.py",
        NEW,
        """
        from fpcheck.formats.assembly import weights_only
        from fpcheck.formats.opened import Opened

        def recognises(file):
            return True

        def read(file, sibling):
            return Opened(weights_only({}, {}))
        """,
    ),
    (
        "formats/__init__.py",
        "FORMATS = (\n",
        'FORMATS = (\n    Format("toy", (".toy",), (b"TOY1",), Contains.WEIGHTS, "save_toy"),\n',
    ),
)
REPORT_FORMAT: Edits = (
    ("report/toy.py", NEW, "def render(report):\n    return f'toy says {report.verdict}'\n"),
    ("report/__init__.py", "FOR_PROGRAMS = {", 'FOR_PROGRAMS = {"toy": "fpcheck.report.toy", '),
)
DIAGNOSIS: Edits = (
    (
        "diagnosis/weights/toy.py",
        NEW,
        """
        from fpcheck.diagnosis.case import diagnosis

        def diagnose(case):
            yield diagnosis("toy", ["logits"], "A toy changed it.", ["it is a toy"], "Put it away.")
        """,
    ),
    (
        "diagnosis/weights/__init__.py",
        "\nRULES = (\n",
        '\nRULES = (\n    "toy",\n',
    ),
)
BACKEND: Edits = (
    (
        "backends/toy.py",
        NEW,
        """
        from fpcheck.backends.backend import Backend

        BACKEND = Backend(
            name="toy", title="Toy", install="pip install toy", packages={"toylib": ("toylib",)}
        )
        """,
    ),
    ("backends/__init__.py", "import jax, tensorflow, torch", "import jax, tensorflow, torch, toy"),
    ("backends/__init__.py", "for backend in (", "for backend in (toy.BACKEND, "),
)
QUESTION: Edits = (
    (
        "model/questions.py",
        "    def labels(self)",
        '    def toy(self, times: int) -> tuple[str, ...]:\n        """A toy."""\n\n'
        "    def labels(self)",
    ),
    (
        "model/live_model.py",
        "    def labels(self)",
        "    def toy(self, times):\n        return (self.model.name,) * times\n\n"
        "    def labels(self)",
    ),
)
OPTION: Edits = (
    (
        "cli/options.py",
        "    verbose: Verbose = False\n    quiet",
        '    toy: Annotated[bool, Option("--toy", help="A toy.")] = False\n'
        "    verbose: Verbose = False\n    quiet",
    ),
)
DIFFERS = ("-m", "fpcheck", "compare", "models/digits.keras", "--golden", "demo-digits", "--static")
ASK = f"""
from fpcheck.model.source import Options, parse
from fpcheck.model.worker_client import WorkerClient
with WorkerClient() as worker:
    worker.open(parse({str(demo.MODEL)!r}), Options())
    print(worker.model.toy(2))
"""
ADDITIONS = {
    "a file format": (
        FILE_FORMAT,
        ("-m", "fpcheck", "hash", "net.toy", "--static"),
        "b3:",
    ),
    "a report format": (REPORT_FORMAT, (*DIFFERS, "--format", "toy"), "toy says mismatch\n"),
    "a diagnosis": (
        DIAGNOSIS,
        DIFFERS,
        "toy (proved)\n    A toy changed it.\n    · it is a toy\n    → Put it away.\n",
    ),
    "a backend": (
        BACKEND,
        (*DIFFERS, "--backend", "toy"),
        "error: --backend toy: Toy is not installed\npip install toy",
    ),
    "a question to a model": (QUESTION, ("-c", ASK), "('digits', 'digits')\n"),
    "an option that several commands share": (OPTION, (*DIFFERS, "--toy", "-q"), ""),
}


@pytest.mark.framework
@pytest.mark.parametrize("addition", ADDITIONS)
def test_an_addition_touches_as_many_files_as_contributing_says(
    addition: str, tmp_path: Path
) -> None:
    edits, command, shown = ADDITIONS[addition]
    table = re.search(
        rf"^\| {addition} \| (\d) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    assert table
    assert len({place for place, _, _ in edits}) == int(table[1])
    _copy(tmp_path)
    for place, old, new in edits:
        path = tmp_path / "fpcheck" / place
        if old is NEW:
            assert not path.exists()
            lines = new.strip("\n").split("\n")
            indent = len(lines[0]) - len(lines[0].lstrip())
            path.write_text("\n".join(line[indent:] for line in lines))
            continue
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown in done.stdout + done.stderr, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def _copy(folder: Path) -> None:
    """Fpcheck and its golden of the demo, with a model that differs from it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "fpcheck", folder / "fpcheck", ignore=ignored)
    shutil.copytree(ROOT / "fingerprints" / "demo-digits", folder / "fingerprints" / "demo-digits")
    shutil.copy(ROOT / "fingerprints" / "official-weights.yaml", folder / "fingerprints")
    documents = importlib.import_module("regenerate_documents")
    documents.approved(folder)
    documents.converted(folder)
    (folder / "net.toy").write_bytes(b"TOY1")
