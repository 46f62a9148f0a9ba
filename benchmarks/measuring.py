"""How each row is measured; `rows.py` says what for."""

import importlib.util
from dataclasses import dataclass
from functools import cache

from benchmarks.timing import Command, Run
from benchmarks.workbench import NotMeasuredError, Workbench, python, script, tool

STATIC = "--static"
# Short commands are run more often, since the noise of a machine is large beside them.
SHORT = 4


@dataclass(frozen=True)
class Measured:
    """The figure that a row promises, and the medians behind it."""

    value: float
    ours: Run
    theirs: Run


def _ratio(bench: Workbench, ours: Command, theirs: Command, times: int = 1) -> Measured:
    run, other = bench.race(ours, theirs, times=times)
    return Measured(run.seconds / other.seconds, run, other)


def _compare_static(bench: Workbench, name: str) -> Command:
    return bench.compare(name, STATIC, recorded=(STATIC,))


def _vgg16_against(bench: Workbench, theirs: Command) -> Measured:
    return _ratio(bench, _compare_static(bench, "vgg16.h5"), theirs)


def _sha256(bench: Workbench) -> Command:
    return tool("sha256sum", str(bench.model("vgg16.h5")))


def compare_against_sha256(bench: Workbench) -> Measured:
    return _vgg16_against(bench, _sha256(bench))


def compare_against_h5diff(bench: Workbench) -> Measured:
    tool("h5diff")  # before half a gigabyte is copied for it
    files = bench.model("vgg16.h5"), bench.copy("vgg16.h5")
    return _vgg16_against(bench, tool("h5diff", *map(str, files)))


def compare_against_statistics(bench: Workbench) -> Measured:
    path = str(bench.model("vgg16.h5"))
    return _vgg16_against(bench, script("peers/keras_statistics.py", path))


def compare_against_blake3(bench: Workbench) -> Measured:
    return _vgg16_against(bench, script("peers/blake3_file.py", str(bench.model("vgg16.h5"))))


def record_against_sha256(bench: Workbench) -> Measured:
    return _ratio(bench, bench.record("vgg16.h5", STATIC), _sha256(bench))


def start(bench: Workbench) -> Measured:
    imports = python("-c", "import numpy, h5py, yaml, typer")
    return _ratio(bench, _compare_static(bench, "small.keras"), imports, SHORT)


def outputs(bench: Workbench) -> Measured:
    name = "resnet50.keras"
    probes = bench.folder / "resnet50-probes.npy"
    ours = bench.compare(name, "--full")
    bench.run(script("peers/save_probes.py", str(bench.golden(name)), str(probes)))
    theirs = script("peers/keras_predict.py", str(bench.model(name)), str(probes))
    return _ratio(bench, ours, theirs)


@cache
def _memory(bench: Workbench) -> tuple[Run, Run]:
    """Of the 10 GB file, and of VGG16."""
    large, half = bench.race(*(_compare_static(bench, n) for n in ("large.h5", "vgg16.h5")))
    return large, half


def most_memory(bench: Workbench) -> Measured:
    large, half = _memory(bench)
    return Measured(max(large.peak, half.peak) / 1e6, large, half)


def memory_growth(bench: Workbench) -> Measured:
    less, more = sorted(_memory(bench), key=lambda run: run.peak)
    return Measured(more.peak / less.peak, more, less)


def child_process(bench: Workbench) -> Measured:
    try:
        found = importlib.util.find_spec("fpcheck.processes.limited_process")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise NotMeasuredError("this fpcheck has no fpcheck.processes.limited_process")
    path = str(bench.model("small.keras"))
    ways = [script("peers/read_file.py", way, path) for way in ("child", "here")]
    child, here = bench.race(*ways, times=SHORT)
    return Measured((child.seconds - here.seconds) * 1000, child, here)
