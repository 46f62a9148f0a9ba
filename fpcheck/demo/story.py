"""The demonstration: record a model, compare a copy, then faults that load without an error."""

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec.structs import replace
from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from fpcheck.codec import Value
from fpcheck.demo import MODEL, PREPROCESS, TEST_IMAGES
from fpcheck.model.source import Options
from fpcheck.model.worker_client import WorkerClient
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report
from fpcheck.report.text import render
from fpcheck.wording import command
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source
from fpcheck.workflows.recording import Recording
from fpcheck.workflows.validate import validate_source

Print = Callable[[RenderableType], None]


class Chapter(Value, frozen=True):
    """One comparison: the change of the model, its source, and the expected diagnosis."""

    title: str
    source: str
    diagnosis: str


_FAULTS = "fpcheck.demo.faults"
CHAPTERS = (
    Chapter("a layer was never loaded", f"{_FAULTS}:layer_never_loaded", "not-loaded"),
    Chapter(
        "BatchNormalization statistics were not copied",
        f"{_FAULTS}:batchnorm_reset",
        "batchnorm-statistics-reset",
    ),
    Chapter("two layers are exchanged", f"{_FAULTS}:layers_swapped", "layers-swapped"),
    Chapter("a kernel is flipped", f"{_FAULTS}:kernel_flipped", "kernel-flipped"),
    Chapter("a stride was changed", f"{_FAULTS}:stride_changed", "config-changed"),
    Chapter("an epsilon was changed", f"{_FAULTS}:epsilon_changed", "config-changed"),
)


def run(say: Print, progress: Progress = silent) -> list[Report]:
    """Run the whole demonstration; returns the reports, in order."""
    with tempfile.TemporaryDirectory(prefix="fpcheck-demo-") as folder, WorkerClient() as worker:
        goldens, copy = Path(folder) / "fingerprints", Path(folder) / "digits.keras"
        shutil.copy(MODEL, copy)
        how = Options(), worker, progress
        good = RecordRequest(goldens=goldens, preprocess=PREPROCESS, data=TEST_IMAGES)
        recording = record_source(MODEL, good, *how)
        _say_title(say, "fpcheck record digits.keras --preprocess tf --data digits_test.npz")
        say(_described(recording))
        asked = CompareRequest(golden="digits", goldens=goldens)
        raw = replace(asked, preprocess="none")
        steps = {"a true copy": partial(compare_source, copy, asked, *how)}
        steps |= {c.title: partial(compare_source, c.source, asked, *how) for c in CHAPTERS}
        left_out = "the model is right, its preprocessing left out"
        steps[left_out] = partial(compare_source, copy, raw, *how)
        in_accuracy = partial(validate_source, copy, TEST_IMAGES, raw, *how)
        reports = []
        for title, step in {**steps, "the same, seen in the accuracy": in_accuracy}.items():
            _say_title(say, title)
            reports.append(step())
            say(render(reports[-1]))
    say("")
    say("Now yours: record a model that you trust, then compare it in CI or pre-commit.")
    say(f"How: {command('record', help=True)}")
    return reports


def _say_title(say: Print, text: str) -> None:
    say("")
    say(Rule(Text(text, "bold")))


def _described(recording: Recording) -> str:
    golden, own = recording.golden, recording.golden.fingerprint
    accuracy = f"{own.accuracy.top1:.1%} right" if own.accuracy else "unknown accuracy"
    return (
        f"A trained model that reads digits: {own.structure.parameters:,} parameters, "
        f"{accuracy} on its test images.\nIts fingerprint is now the golden {golden.label}: "
        "a YAML file to review, an HDF5 file with the numbers."
    )
