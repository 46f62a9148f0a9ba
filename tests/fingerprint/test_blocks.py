"""Cutting tensors and sharing work: the same pieces and the same order, however it is done."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import ml_dtypes
import numpy as np
import pytest

from fpcheck.codec import Array
from fpcheck.fingerprint import blocks
from fpcheck.fingerprint.threads import MOST_THREADS, cores

CUBE = np.arange(5 * 6 * 70, dtype=np.int32).reshape(5, 6, 70)
VIEWS: dict[str, Callable[[Array], Array]] = {
    "itself": lambda values: values,
    "transposed": lambda values: np.swapaxes(values, -1, -2),
    "first axes exchanged": lambda values: np.swapaxes(values, 0, 1),
    "Fortran order": np.asfortranarray,
    "reversed": lambda values: values[::-1, ::-1, ::-1],
    "every second": lambda values: values[:, ::2, ::2],
    "repeated": lambda values: np.broadcast_to(values[:1], values.shape),
    "one column": lambda values: values[..., 3],
    "one value": lambda values: values[2, 3, 4],
    "nothing": lambda values: values[:, :0],
    "big-endian": lambda values: values.astype(">i4"),
    "bfloat16": lambda values: np.asfortranarray(values.astype(ml_dtypes.bfloat16)),
}


@pytest.mark.parametrize("limit", [1, 7, 70, 100, 420, 1000, 10_000])
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_pieces_are_the_values_in_c_order(view: Callable[[Array], Array], limit: int) -> None:
    values = np.asarray(view(CUBE))
    parts = [part.tobytes() for part in blocks.pieces(values, limit)]
    assert b"".join(parts) == values.tobytes()
    assert max(map(len, parts), default=0) <= limit * values.itemsize


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_any_piece_can_be_read(view: Callable[[Array], Array]) -> None:
    values = np.asarray(view(CUBE))
    flat = values.ravel()
    for start in range(0, flat.size, 61):
        for stop in {start + 1, start + 69, start + 500, flat.size}:
            if start < stop <= flat.size:
                assert blocks.piece(values, start, stop).tobytes() == flat[start:stop].tobytes()


@pytest.mark.parametrize("shape", [(300, 500), (3, 200, 300), (2, 2, 130, 1100), (70_000, 2)])
def test_large_tensors_are_transposed_tile_by_tile(shape: tuple[int, ...]) -> None:
    turned = np.swapaxes(np.random.default_rng(0).normal(size=shape), -1, -2)
    for limit in (50_000, blocks.PIECE):
        found = b"".join(part.tobytes() for part in blocks.pieces(turned, limit))
        assert found == turned.tobytes()


def test_contiguous_values_are_not_copied() -> None:
    assert all(np.shares_memory(part, CUBE) for part in blocks.pieces(CUBE, 100))
    one_row = np.arange(9)[None].T
    assert all(np.shares_memory(part, one_row) for part in blocks.pieces(one_row, 4))


class Recorder:
    """Notes in which order it merges, and how many parts are not merged yet."""

    def __init__(self) -> None:
        self.merged: list[int] = []
        self.begun = self.most = 0
        self.lock = threading.Lock()

    @property
    def gauge(self) -> blocks.Gauge:
        return self.measure, self.merge, range(100)

    def measure(self, part: int) -> int:
        with self.lock:
            self.begun += 1
            self.most = max(self.most, self.begun - len(self.merged))
        return part

    def merge(self, figures: int) -> None:
        self.merged.append(figures)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_parts_are_merged_in_their_order_and_not_too_many_wait(threads: int) -> None:
    first, second = Recorder(), Recorder()
    with blocks.workers(threads) as submit:
        blocks.run(submit, (first.gauge, second.gauge), ahead=5)
    assert first.merged == second.merged == list(range(100))
    assert max(first.most, second.most) <= 6


@pytest.mark.parametrize("threads", [1, 3])
def test_an_exception_in_a_thread_is_raised(threads: int) -> None:
    class Broken(Recorder):
        def measure(self, part: int) -> int:
            if part == 50:
                raise MemoryError("part 50")
            return part

    with pytest.raises(MemoryError, match="part 50"), blocks.workers(threads) as submit:
        blocks.run(submit, (Broken().gauge,), ahead=5)


def test_threads_end_with_their_task() -> None:
    before = threading.active_count()
    with blocks.workers(3) as submit:
        assert sum(result() for result in [submit(len, "ab") for _ in range(9)]) == 18
    assert threading.active_count() == before


def test_one_thread_is_the_calling_thread() -> None:
    with blocks.workers(1) as submit:
        assert submit(threading.get_ident)() == threading.get_ident()


def test_small_tensors_get_no_threads() -> None:
    assert blocks.threads_for(np.zeros(1000)) == 1
    assert blocks.threads_for(np.zeros(blocks.WORTH_THREADS)) == cores()
    assert 1 <= cores() <= min(os.cpu_count() or 1, MOST_THREADS)


FORKED = """
import os
import numpy as np
from fpcheck.fingerprint import weights
values = np.ones((2048, 2048), np.float32)
before = weights.measure(values, "float32", threads=2)
child = os.fork()
if not child:
    after = weights.measure(values, "float32", threads=2)
    os._exit(0 if after.details.counterfactuals == before.details.counterfactuals else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_process_measures_too() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], timeout=60, check=False)
    assert done.returncode == 0


def test_a_piece_is_valid_until_the_next() -> None:
    """The promise is weak on purpose: a consumer that keeps pieces must copy them."""

    def kept() -> Iterator[Array]:
        yield from blocks.pieces(CUBE.T, 100)

    first, second = (part for part, _ in zip(kept(), range(2), strict=False))
    assert np.shares_memory(first, second)
