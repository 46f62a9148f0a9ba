"""What tests share: a running worker, a folder to work in, quiet frameworks."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
TESTS = Path(__file__).parent
# The same few examples in every run, whatever they take: a test that fails, fails again.
settings.register_profile("fpcheck", derandomize=True, max_examples=25, deadline=None)
settings.load_profile("fpcheck")


@pytest.fixture(scope="session", autouse=True)
def _sources_importable() -> Iterator[None]:
    """`models:NAME` is a source in workers and in commands that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        known = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), *([known] if known else [])]))
        patch.syspath_prepend(str(TESTS))
        patch.syspath_prepend(str(TESTS.parent / "scripts"))
        yield


@pytest.fixture(scope="session")
def worker(_sources_importable: None) -> Iterator[object]:
    """One worker process for all tests of a session: the framework is imported once."""
    from fpcheck.model.worker_client import RemoteSession

    with RemoteSession() as session:
        yield session


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
