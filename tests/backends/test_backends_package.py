"""A backend is one module and one line; one that only Keras knows works without either."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from models import filled

import fpcheck
from fpcheck.backends import BACKENDS, backend_named, before_import, other_arithmetic
from fpcheck.backends.backend import Backend, Gradients, Target
from fpcheck.backends.tensorflow import BACKEND as TENSORFLOW
from fpcheck.demo import MODEL
from fpcheck.errors import FpcheckError
from fpcheck.model import environment as surroundings
from fpcheck.model.environment import chosen_backend, environment, imported_keras, lacking
from fpcheck.model.sensitivity import reach
from fpcheck.model.source import Options
from fpcheck.model.user_code import raised
from fpcheck.model.worker_client import WorkerClient
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

ROOT = Path(__file__).parents[2]
ALLOWED = "Allowed: tensorflow, jax, torch, numpy, openvino."


# --- a backend that is added: a module with this value, and its line in BACKENDS ---


class Toy:
    """What the module of a new backend contains; it runs on TensorFlow's tensors."""

    def __init__(self) -> None:
        self.passes = 0
        self.backend = Backend(
            name="pytest",  # a package that is installed
            title="Toy",
            install="pip install toy",
            packages={"pytest": ("toy-nightly", "pytest"), "toylib": ("toylib",)},
            variables=("TOY_FAST",),
            before_import={"TOY_LOG": "off"},
            other_arithmetic={"TOY_THREADS": "1"},
            is_traced=TENSORFLOW.is_traced,
            gradients=self.gradients,
        )

    def gradients(self, target: Target, variables: list[Any]) -> Gradients:
        self.passes += 1
        assert TENSORFLOW.gradients is not None
        return TENSORFLOW.gradients(target, variables)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    toy = Toy()
    monkeypatch.setitem(BACKENDS, "pytest", toy.backend)
    monkeypatch.setenv("TOY_FAST", "yes")
    return toy


def test_an_added_backend_may_be_asked_for_and_its_versions_decide(toy: Toy) -> None:
    assert Options(backend="pytest").backend == "pytest"
    found = environment("pytest")
    assert found == {
        **environment(),
        "backend": "pytest",
        "pytest": pytest.__version__,
        "toylib": "",
        "TOY_FAST": "yes",
    }
    assert lacking(found) == []
    assert environment("jax")["TOY_FAST"] == "yes"
    with pytest.raises(FpcheckError) as caught:
        Options(backend="toi")
    assert caught.value.advice == "Allowed: tensorflow, jax, torch, pytest, numpy, openvino."


def test_an_added_backend_says_how_it_is_installed(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "find_spec", lambda name: None)
    with pytest.raises(FpcheckError) as caught:
        Options(backend="pytest")
    assert str(caught.value) == "--backend pytest: Toy is not installed\npip install toy."


def test_processes_have_the_variables_of_an_added_backend(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_WAIT_POLICY": "PASSIVE"}
    assert before_import() == {**usual, "TOY_LOG": "off"}
    assert other_arithmetic()["TOY_THREADS"] == "1"
    with WorkerClient(other_arithmetic()) as session:
        set_ = session._environment()
        monkeypatch.setenv("TOY_LOG", "on")
        assert (set_["TOY_LOG"], set_["TOY_THREADS"]) == ("off", "1")
        assert session._environment()["TOY_LOG"] == "on"


def _net() -> keras.Model:
    x = keras.Input((4,), name="x")
    return filled(keras.Model(x, keras.layers.Dense(2, name="y")(x)))


def test_a_model_runs_with_the_backward_pass_of_an_added_backend(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: "pytest")
    found = reach(_net(), [np.ones((3, 4), np.float32)], 1e-4, True)
    assert (found.unreached, found.untried, toy.passes) == ((), (), 1)


# --- the backends that there are ---


def test_fpcheck_can_be_installed_with_each_backend() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for name, backend in BACKENDS.items():
        required = any(re.match(rf"{name}\b", asked) for asked in project["dependencies"])
        hint = f"pip install {name}" if required else f"pip install 'fpcheck[{name}]'"
        assert backend.install == hint
        assert required or any(asked.startswith(name) for asked in extras[name])
        assert name in backend.packages


def test_a_backend_is_named_only_in_its_module_and_in_the_line_of_backends() -> None:
    package = ROOT / "fpcheck"
    # Names of preprocessing modes and of kinds of files too, so of `torch` only imports count.
    jax = r"\bjax(lib)?\b"
    patterns = {"tensorflow": r"\btensorflow\b", "jax": jax, "torch": r"import torch\b"}
    assert patterns.keys() == BACKENDS.keys()
    for path in package.rglob("*.py"):
        place, text = path.relative_to(package).as_posix(), path.read_text()
        for name, pattern in patterns.items():
            if place not in ("backends/__init__.py", f"backends/{name}.py"):
                assert not re.search(pattern, text), f"{place} names {name}"


# --- a backend that Keras has and fpcheck does not know ---


def test_what_is_not_known_of_a_backend_has_defaults() -> None:
    numpy = backend_named("numpy")
    assert (numpy.title, numpy.install) == ("numpy", "pip install numpy")
    assert (numpy.gradients, numpy.text) == (None, None)
    assert environment("numpy") == {**environment(), "backend": "numpy", "numpy": np.__version__}
    assert lacking(environment("numpy")) == []
    assert lacking(environment("openvino")) == ["openvino"]


def test_a_package_in_a_distribution_of_another_name_has_its_version() -> None:
    assert environment("yaml")["yaml"] == version("PyYAML")


def test_a_backend_that_only_keras_knows_records_and_compares(here: Path) -> None:
    _net().save("net.keras")
    on_numpy = Options(backend="numpy")
    golden = record_source("net.keras", RecordRequest(name="net"), on_numpy).golden
    outputs = golden.fingerprint.outputs
    assert outputs is not None
    assert (outputs.environment, outputs.reach.unreached) == (environment("numpy"), ())
    for options, status in [(on_numpy, "proved"), (Options(), "pass")]:
        report = compare_source("net.keras", CompareRequest(golden="net"), options)
        assert (report.verdict, report.levels["outputs"].status) == ("match", status)


def test_a_backend_that_nothing_has_is_refused_wherever_it_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: fpcheck.compare(MODEL, "demo-digits", backend="jux"), 'backend="jux"'),
        (lambda: fpcheck.compare(MODEL, "demo-digits"), "KERAS_BACKEND=jux"),
        (lambda: fpcheck.compare(MODEL, "demo-digits"), "keras.json: backend jux"),
    ]
    for call, said in calls:
        monkeypatch.setenv("KERAS_BACKEND", "jux" if said.startswith("KERAS") else "")
        if said.startswith("keras.json"):
            monkeypatch.setenv("KERAS_HOME", str(here))
            (here / "keras.json").write_text('{"backend": "jux"}')
        with pytest.raises(FpcheckError) as caught:
            call()
        assert str(caught.value) == f"{said}: no such backend\n{ALLOWED}"


def test_without_keras_nobody_knows_which_backends_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "find_spec", lambda name: None)
    monkeypatch.setenv("KERAS_BACKEND", "jux")
    assert chosen_backend() == "jux"
    with pytest.raises(FpcheckError) as caught:
        Options(backend="jux")
    assert str(caught.value) == ("--backend jux: no such backend\nAllowed: tensorflow, jax, torch.")


def import_keras_raising(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        @staticmethod
        def find_spec(name: str, *_: Any) -> None:
            if name == "keras":
                raise error

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    monkeypatch.delitem(sys.modules, "keras")


@pytest.mark.parametrize(
    ("chosen", "missing", "said"),
    [
        ("tensorflow", "keras", "Keras is not installed|pip install tensorflow"),
        ("jax", "jaxlib", "JAX is not installed|pip install 'fpcheck[jax]'"),
        ("torch", "torch", "PyTorch is not installed|pip install 'fpcheck[torch]'"),
        ("jax", "tensorflow", "TensorFlow is not installed|pip install tensorflow"),
        ("openvino", "openvino", "openvino is not installed|pip install openvino"),
    ],
)
def test_a_worker_says_what_is_not_installed(
    chosen: str, missing: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact, _, install = said.partition("|")
    monkeypatch.setenv("KERAS_BACKEND", chosen)
    error = ModuleNotFoundError(f"No module named '{missing}.x'", name=f"{missing}.x")
    import_keras_raising(error, monkeypatch)
    monkeypatch.setattr(surroundings, "find_spec", lambda name: None)
    with pytest.raises(FpcheckError) as caught:
        imported_keras()
    assert str(caught.value) == (
        f"{fact}, and the model must be run\n"
        f"Install it: {install}. Or do not run the model: --static."
    )


def test_another_missing_module_is_not_a_missing_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ModuleNotFoundError("No module named 'absl'", name="absl")
    import_keras_raising(error, monkeypatch)
    with pytest.raises(ModuleNotFoundError) as caught:
        imported_keras()
    assert caught.value is error


def test_the_command_says_that_a_backend_of_keras_is_not_installed(here: Path) -> None:
    command = [sys.executable, "-m", "fpcheck", "compare", str(MODEL), "--golden", "demo-digits"]
    done = subprocess.run(
        [*command, "--full"],
        env={**os.environ, "KERAS_BACKEND": "openvino"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "openvino is not installed, and the model must be run" in done.stdout
    done = subprocess.run(
        [*command, "--backend", "openvino"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        2,
        "error: --backend openvino: openvino is not installed\npip install openvino.\n",
    )


def test_code_of_a_backend_is_not_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an error in an installed package, fpcheck names the line, unless that is a backend."""
    with pytest.raises(ValueError) as caught:
        pytest.approx(1.0, rel=-1.0) == 2.0  # noqa: B015
    assert "site-packages" in (raised(caught.value.with_traceback(_last(caught.tb)), str) or "")
    toy = Backend(name="toy", title="Toy", install="", packages={"_pytest": ()})
    monkeypatch.setitem(BACKENDS, "toy", toy)
    assert raised(caught.value.with_traceback(_last(caught.tb)), str) is None


def _last(trace: Any) -> Any:
    return trace if trace.tb_next is None else _last(trace.tb_next)
