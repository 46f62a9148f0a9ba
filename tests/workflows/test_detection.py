"""A part of the measured matrix, quick enough to guard it; `benchmarks/detection` is the whole."""

from collections.abc import Iterator

import pytest

from benchmarks.detection import (  # noqa: F401  # faults make themselves known
    behaviour,
    benign,
    configs,
    graphs,
    layout,
    loading,
    values,
)
from benchmarks.detection.case import FAULTS
from benchmarks.detection.models import SPECS
from benchmarks.detection.running import Bench, Row
from benchmarks.detection.subject import Subject

# All that is done in memory to a trained convolutional and a recurrent model.
MODELS = ("demo", "nested")
OF_VALUES = [
    name
    for name, fault in FAULTS.items()
    if fault.group in {layout.GROUP, loading.GROUP, values.GROUP, configs.GROUP}
]
# Other surroundings each need a process of their own, which takes seconds.
IN_THIS_PROCESS = [
    "itself",
    "as-keras",
    "as-h5",
    "layers-renamed",
    "model-renamed",
    "layers-reordered",
    "frozen",
    "training-settings",
    "adapters",
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("detection"), lambda _: None)
    yield made
    made.close()


@pytest.fixture(scope="module", params=MODELS)
def subject(bench: Bench, request: pytest.FixtureRequest) -> Subject:
    return bench.subject(request.param, SPECS[request.param])


def _rows(bench: Bench, subject: Subject, names: list[str]) -> list[Row]:
    return [row for name in names for row in bench.rows(subject, FAULTS[name])]


def test_every_fault_is_found_and_called_by_its_name(bench: Bench, subject: Subject) -> None:
    rows = _rows(bench, subject, OF_VALUES)
    assert len(rows) > 40
    assert [
        (row.change, row.place, row.verdict, row.codes, row.layers)
        for row in rows
        if not (row.detected and row.right)
    ] == []


def test_no_benign_change_is_called_a_mismatch(bench: Bench, subject: Subject) -> None:
    rows = _rows(bench, subject, IN_THIS_PROCESS)
    assert len(rows) >= len(IN_THIS_PROCESS) - 1
    assert [(row.change, row.place, row.verdict, row.summary) for row in rows if not row.good] == []
