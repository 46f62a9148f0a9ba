"""The same model in every container has one content id and matches its golden."""

import importlib
from pathlib import Path

import pytest

from fpcheck.codec import PathText
from fpcheck.model.source import Options
from fpcheck.model.worker_client import WorkerClient
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

KINDS = importlib.import_module("models").KINDS
CASES = [
    (kind, container)
    for kind, legacy in KINDS.items()
    for container in ("keras", "weights.h5", *(["h5"] if legacy else []))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("containers")


def _options(kind: str, container: str) -> Options:
    model = PathText(f"models:{kind}") if container == "weights.h5" else None
    return Options(model=model, custom_objects="models")


@pytest.mark.parametrize(("kind", "container"), CASES)
def test_a_saved_model_matches_the_golden_of_the_living_one(
    kind: str, container: str, folder: Path, worker: WorkerClient
) -> None:
    models = importlib.import_module("models")
    model = getattr(models, kind)()
    goldens = folder / kind
    golden = record_source(model, RecordRequest(name=kind, goldens=goldens), Options()).golden
    path = folder / f"{kind}.{container}"
    model.save_weights(path) if container == "weights.h5" else model.save(path)
    report = compare_source(
        path,
        CompareRequest(golden=kind, goldens=goldens, full=True),
        _options(kind, container),
        worker,
    )
    assert report.verdict == "match", str(report)
    assert {level.status for level in report.levels.values()} == {"pass"}
    assert report.candidate.content_id == report.golden.content_id
    assert not report.errors
    assert golden.version == 1


@pytest.mark.parametrize("kind", KINDS)
def test_recording_the_saved_model_again_stores_nothing(
    kind: str, folder: Path, worker: WorkerClient
) -> None:
    models = importlib.import_module("models")
    model, goldens = getattr(models, kind)(), folder / f"again-{kind}"
    record_source(model, RecordRequest(name=kind, goldens=goldens), Options())
    path = folder / f"again-{kind}.keras"
    model.save(path)
    again = record_source(
        path, RecordRequest(name=kind, goldens=goldens), _options(kind, "keras"), worker
    )
    assert not again.stored
    assert again.golden.label == f"{kind}@1"
