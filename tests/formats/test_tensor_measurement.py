"""One pass over the bytes, in blocks, on any number of threads: always the same result."""

import io
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from fpcheck.files.region import FileRegion, StreamRegion
from fpcheck.fingerprint import blocks, digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.formats import recognition, tensor_measurement
from fpcheck.formats.model_file import ModelFile
from fpcheck.formats.reading import Reading

KERNEL = np.random.default_rng(3).normal(size=(300, 1000)).astype(np.float32)
BIAS = np.arange(1000, dtype=np.float32)


def write(path: Path, **options: object) -> None:
    """A legacy file of weights with one layer."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"head"]
        group = file.create_group("head")
        group.attrs["weight_names"] = [b"head/kernel:0", b"head/bias:0"]
        order = ">" if options.pop("big", False) else "<"
        group.create_dataset("head/kernel:0", data=KERNEL.astype(f"{order}f4"), **options)
        group.create_dataset("head/bias:0", data=BIAS.astype(f"{order}f4"))


def read(path: Path, known: frozenset[bytes] | None = None) -> Reading:
    file = ModelFile(str(path), path.name)
    file.begin(known)
    try:
        return file.reading(known)
    finally:
        file.close()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (7, 13)},
        {"chunks": (64, 1000), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"big": True},
        {"big": True, "chunks": (50, 50), "compression": "gzip"},
    ],
    ids=str,
)
def test_however_values_are_stored_they_are_the_same_values(
    options: dict[str, object], tmp_path: Path
) -> None:
    write(tmp_path / "weights.h5", **dict(options))
    found = read(tmp_path / "weights.h5", frozenset())
    assert [m.digest for m in found.weights] == [
        digest.of_array(KERNEL, "float32"),
        digest.of_array(BIAS, "float32"),
    ]
    details = found.weights[0].details
    assert details is not None
    assert details.statistics.l2 == pytest.approx(np.linalg.norm(KERNEL.astype(np.float64)))


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("large", [1, 2**30])
def test_the_number_of_threads_changes_nothing(
    threads: int, large: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "weights.h5")
    monkeypatch.setattr(blocks, "cores", lambda: threads)
    monkeypatch.setattr(tensor_measurement, "LARGE", large)
    with (tmp_path / "weights.h5").open("rb") as file:
        region = FileRegion(file.fileno(), 0, (tmp_path / "weights.h5").stat().st_size)
        opened = recognition.open_model(region, "weights.h5", no_sibling)
        found = tensor_measurement.digests(opened.assembled.stored, opened.check)
    assert found == [digest.of_array(KERNEL, "float32"), digest.of_array(BIAS, "float32")]


CUT_OFF = """
import os, sys
from fpcheck.errors import FpcheckError
from fpcheck.formats import tensor_measurement
from fpcheck.formats.model_file import ModelFile

path, when = sys.argv[1:]

def cut_off(item, threads):
    if when == "before":
        os.truncate(path, 0)
    item.scan(lambda view: (os.truncate(path, 0), bytes(view)))

tensor_measurement._digest = cut_off
try:
    ModelFile(path, "weights.h5").reading(None)
except FpcheckError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there a file that is open cannot be cut off")
@pytest.mark.parametrize("when", ["before", "while"])
def test_a_file_that_is_cut_off_before_or_while_it_is_mapped_says_so(
    when: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.h5"
    write(path)
    # In a process without a framework or threads: there the child is a fork, with what is set here.
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF, path, when], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "weights.h5: became shorter while it was read\nSave or download it again.\n"
    )


def no_sibling(name: str) -> FileRegion:
    raise AssertionError(name)


class Counting(io.BytesIO):
    """Counts the bytes that are read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_every_value_is_read_once_and_little_else(tmp_path: Path) -> None:
    write(tmp_path / "weights.h5")
    stream = Counting((tmp_path / "weights.h5").read_bytes())
    region = StreamRegion(stream, 0, len(stream.getvalue()))
    opened = recognition.open_model(region, "weights.h5", no_sibling)
    places = stream.taken
    tensor_measurement.digests(opened.assembled.stored, opened.check)
    assert stream.taken - places == KERNEL.nbytes + BIAS.nbytes
    assert places < 20_000


def test_only_tensors_that_the_golden_does_not_contain_get_details(tmp_path: Path) -> None:
    write(tmp_path / "weights.h5")
    kernel = digest.of_array(KERNEL, "float32")
    found = read(tmp_path / "weights.h5", frozenset([kernel]))
    assert [m.details is None for m in found.weights] == [True, False]


def test_a_file_that_changes_name_meanwhile_is_still_the_one_that_was_opened(
    tmp_path: Path,
) -> None:
    write(tmp_path / "weights.h5")
    file = ModelFile(str(tmp_path / "weights.h5"), "weights.h5")
    (tmp_path / "weights.h5").unlink()
    (tmp_path / "weights.h5").write_bytes(b"another file")
    first, again = file.reading(None), file.reading(frozenset())
    file.close()
    assert [m.digest for m in first.weights] == [m.digest for m in again.weights]


def testslabs_follow_each_other_in_c_order() -> None:
    values = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    for most in (1, 5, 6, 7, 30, 31, 1000):
        parts = [values[place].ravel() for place in blocks.slabs(values.shape, most)]
        assert np.array_equal(np.concatenate(parts), values.ravel())
        assert max(map(len, parts)) <= max(most, 1)


def test_the_content_id_is_one_for_all_shards_together(tmp_path: Path) -> None:
    import models

    model = models.nested_net()
    model.save_weights(tmp_path / "whole.weights.h5")
    model.save_weights(tmp_path / "parts.weights.json", max_shard_size=2e-7)
    assert len(list(tmp_path.glob("parts_*.weights.h5"))) > 2
    ids = set()
    for name in ("whole.weights.h5", "parts.weights.json"):
        found = read(tmp_path / name)
        ids.add(Fingerprint(found.structure, found.weights).content_id)
    assert len(ids) == 1
