"""Promises of the project as a whole."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from fpcheck.golden.official import official_files
from fpcheck.golden.store import shipped
from fpcheck.model.applications import APPLICATIONS

ROOT = Path(__file__).parents[1]


@pytest.mark.framework
@pytest.mark.long
def test_shipped_fingerprints_are_what_the_installed_keras_gives() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "regenerate_fingerprints.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("fingerprints/ is current\n", 0), done.stderr


def test_every_application_ships_and_resnets_also_without_their_top() -> None:
    names = set(shipped().names())
    resnets = {name for name in APPLICATIONS if name.startswith("ResNet")}
    assert len(APPLICATIONS) == 40
    assert names == (
        {name.lower() for name in APPLICATIONS}
        | {f"{name.lower()}-notop" for name in resnets}
        | {"demo-digits"}
    )


def test_every_shipped_golden_is_sound() -> None:
    labels = [entry.load().label for entry in shipped().entries()]
    assert {label.partition("@")[0] for label in labels} == {*shipped().names()}
    assert len(set(labels)) == len(labels)


def test_official_files_are_known_by_name_and_sum() -> None:
    files = official_files()
    known = files["resnet50_weights_tf_dim_ordering_tf_kernels.h5"]
    assert (known.application, known.top) == ("ResNet50", True)
    for file in files.values():
        assert re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{64}", file.md5 or file.sha256 or "")
    # MobileNet and MobileNetV2 are published without a sum.
    assert {f.application for f in files.values()} == APPLICATIONS.keys() - {
        "MobileNet",
        "MobileNetV2",
    }


def test_the_working_copy_installs_all_that_the_package_asks_for() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pinned = (ROOT / "requirements.txt").read_text().lower()
    for requirement in asked:
        name = re.split(r"[<>=]", requirement)[0]
        assert re.search(rf"^{re.escape(name)}==", pinned, re.MULTILINE), name


def test_ci_calls_the_test_command_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "exec make test"
    assert len(lines) == 4


def test_the_folders_of_tests_are_those_of_the_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")} - {ROOT / "tests"}
    assert folders
    for folder in folders:
        assert (ROOT / "fpcheck" / folder.relative_to(ROOT / "tests") / "__init__.py").is_file()


FRAMEWORKS = {"tensorflow", "keras", "jax", "torch"}
# The only modules that name a framework, and they do so inside functions.
FRAMEWORK_MODULES = {
    "backends/jax.py",
    "backends/tensorflow.py",
    "backends/torch.py",
    "demo/faults.py",
    "formats/keras.py",
    "loading/deep_models.py",
    "loading/keras2_models.py",
    "model/custom_layers.py",
    "model/environment.py",
    "model/execution.py",
    "model/layer_watch.py",
    "model/live_model.py",
    "model/live_graph.py",
    "model/live_structure.py",
    "model/loader.py",
    "model/preprocessing.py",
    "model/sensitivity.py",
    "workflows/open_model.py",
}
# What each folder may import of the others: see docs/architecture.md.
READING = {"files", "processes", "keras_config", "layout", "formats", "fingerprint", "loading"}
LAYERS = {
    "backends": set(),
    "fingerprint": set(),
    "layout": {"fingerprint"},
    "files": {"fingerprint", "processes"},
    "processes": {"backends"},
    "keras_config": {"files", "fingerprint", "layout"},
    "loading": {"files", "keras_config"},
    "formats": READING,
    "comparison": {"fingerprint", "layout"},
    "golden": {"fingerprint", "comparison"},
    "model": READING | {"backends"},
    "diagnosis": {"fingerprint", "layout", "comparison", "report"},
    "report": {"fingerprint", "comparison", "golden"},
    "workflows": READING | {"backends", "comparison", "golden", "model", "diagnosis", "report"},
    "demo": {"model", "report", "workflows"},
    "cli": {
        "backends",
        "errors",
        "files",
        "formats",
        "golden",
        "model",
        "report",
        "workflows",
        "demo",
    },
}


def _imports(path: Path) -> list[tuple[str, bool]]:
    """Every module that a file imports, and whether it does so at its top."""
    tree = ast.parse(path.read_text())
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found += [(name, id(node) in top) for name in names]
    return found


def test_frameworks_are_imported_in_few_modules_and_never_at_the_top() -> None:
    named = set()
    for path in (ROOT / "fpcheck").rglob("*.py"):
        for module, at_top in _imports(path):
            if module.partition(".")[0] in FRAMEWORKS:
                named.add(path.relative_to(ROOT / "fpcheck").as_posix())
                assert not at_top, path
    assert named == FRAMEWORK_MODULES


@pytest.mark.parametrize("folder", LAYERS)
def test_a_folder_imports_only_what_it_may(folder: str) -> None:
    for path in (ROOT / "fpcheck" / folder).rglob("*.py"):
        for module, _ in _imports(path):
            parts = module.split(".")
            if parts[0] == "fpcheck" and len(parts) > 1 and parts[1] in LAYERS:
                assert parts[1] in LAYERS[folder] | {folder}, f"{path}: {module}"


def test_child_processes_know_nothing_of_models() -> None:
    imported = {
        module.split(".")[1]
        for path in (ROOT / "fpcheck" / "processes").rglob("*.py")
        for module, _ in _imports(path)
        if module.startswith("fpcheck.")
    }
    assert imported == {"backends", "codec", "errors", "processes"}


def test_no_modules_import_each_other_in_a_circle() -> None:
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in (ROOT / "fpcheck").rglob("*.py")
    }
    graph = {
        name: {module for module, _ in _imports(path) if module in paths}
        for name, path in paths.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("module", ["fpcheck", "fpcheck.cli", "fpcheck.workflows.compare"])
def test_importing_fpcheck_imports_no_framework(module: str) -> None:
    code = f"import sys, {module}; print({{'tensorflow', 'keras'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
