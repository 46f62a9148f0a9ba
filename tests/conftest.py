"""What tests share: a running worker, a folder to work in, quiet frameworks."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import unit
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
TESTS = Path(__file__).parent
# The same few examples in every run, whatever they take: a test that fails, fails again.
settings.register_profile("fpcheck", derandomize=True, max_examples=25, deadline=None)
settings.load_profile("fpcheck")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--unit", action="store_true", help="run only what needs no framework")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "framework: starts a process that imports a framework")
    config.addinivalue_line("markers", "long: takes minutes, so it starts first")
    if config.getoption("unit"):
        sys.meta_path.insert(0, unit.Refused)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if config.getoption("unit") and unit.left_out(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Else one process would still run it when the others have nothing left to do.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if config.getoption("unit"):
        left_out = [item for item in items if _starts_framework(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _starts_framework(item)]


def _starts_framework(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return "worker" in fixtures or item.get_closest_marker("framework") is not None


@pytest.fixture(scope="session", autouse=True)
def _sources_importable(request: pytest.FixtureRequest) -> Iterator[None]:
    """`models:NAME` is a source in workers and in commands that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        if request.config.getoption("unit"):
            paths.insert(0, str(TESTS / "no_framework"))
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        patch.syspath_prepend(str(TESTS))
        patch.syspath_prepend(str(TESTS.parent / "scripts"))
        yield


@pytest.fixture(scope="session")
def worker(_sources_importable: None) -> Iterator[object]:
    """One worker process for all tests of a session: the framework is imported once."""
    from fpcheck.model.worker_client import WorkerClient

    with WorkerClient() as session:
        yield session


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
