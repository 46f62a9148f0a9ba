"""Unit tests need no framework: what `pytest --unit` leaves out, and how that is kept.

Left out are the folders of `WHOLE`, files that import one of `NOT_IN_UNITS`, themselves or through
another file of tests, and tests that have the fixture `worker` or the mark `framework`. No process
of such a run can import a framework, so a test that lacks the mark fails.
"""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).parent
FRAMEWORKS = {"keras", "tf_keras", "tensorflow", "jax", "torch"}
# Whole commands and workflows, most of which run a model; processes, whose time is measured.
WHOLE = {"cli", "demo", "processes", "workflows"}
# Hostile files take minutes, each in a process of its own; a unit run does without a web server.
NOT_IN_UNITS = FRAMEWORKS | {"attacks", "fsspec"}


class Refused(Loader):
    """Finds each framework, so that it counts as installed, and refuses to load it."""

    @classmethod
    def find_spec(cls, name: str, *_: object) -> ModuleSpec | None:
        return ModuleSpec(name, cls()) if name in FRAMEWORKS else None

    def create_module(self, _: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        raise AssertionError(f"a unit test imports {module.__name__}: mark it `framework`")


def left_out(path: Path) -> bool:
    """Whether a file or folder of tests is no part of a unit run."""
    return (path.is_dir() and path.name in WHOLE) or (path.suffix == ".py" and _is_heavy(path))


@cache
def _is_heavy(path: Path) -> bool:
    for name in _imported(path):
        place = name.replace(".", "/")
        files = [root / f"{place}.py" for root in (TESTS, TESTS.parent)]
        files.append(TESTS.parent / place / "__init__.py")
        if name.partition(".")[0] in NOT_IN_UNITS or any(
            f.is_file() and _is_heavy(f) for f in files
        ):
            return True
    return False


def _imported(path: Path) -> Iterator[str]:
    """Names of modules that a file imports anywhere, also by `import_module`; not of fpcheck."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)]
        yield from (name for name in names if name.partition(".")[0] != "fpcheck")
