"""The demonstration: record a model, compare a copy, then faults that load without an error."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

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
from fpcheck.workflows.record import record_source
from fpcheck.workflows.request import CompareRequest, RecordRequest
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


class Demonstration:
    """Records the bundled model in a folder, compares sources with it, and prints the results."""

    def __init__(self, say: Print, folder: Path, remote: WorkerClient, step: Progress) -> None:
        self.say = say
        self.goldens = folder / "fingerprints"
        self.copy = folder / "digits.keras"
        self.remote = remote
        self.step = step

    def record(self) -> None:
        """Record the golden."""
        shutil.copy(MODEL, self.copy)
        asked = RecordRequest(goldens=self.goldens, preprocess=PREPROCESS, data=TEST_IMAGES)
        golden = record_source(MODEL, asked, Options(), self.remote, self.step).golden
        self._title("fpcheck record digits.keras --preprocess tf --data digits_test.npz")
        own = golden.fingerprint
        accuracy = f"{own.accuracy.top1:.1%} right" if own.accuracy else "unknown accuracy"
        self.say(
            f"A trained model that reads digits: {own.structure.parameters:,} parameters, "
            f"{accuracy} on its test images.\nIts fingerprint is now the golden {golden.label}: "
            "a YAML file to review, an HDF5 file with the numbers."
        )

    def compare(self, source: str | Path, title: str, preprocess: str | None = None) -> Report:
        """Compare a source with the golden."""
        self._title(title)
        asked = CompareRequest(golden="digits", goldens=self.goldens, preprocess=preprocess)
        report = compare_source(source, asked, Options(), self.remote, self.step)
        self.say(render(report))
        return report

    def validate(self, title: str, preprocess: str) -> Report:
        """Compare the accuracy with one preprocessing."""
        self._title(title)
        asked = CompareRequest(golden="digits", goldens=self.goldens, preprocess=preprocess)
        report = validate_source(self.copy, TEST_IMAGES, asked, Options(), self.remote, self.step)
        self.say(render(report))
        return report

    def _title(self, text: str) -> None:
        self.say("")
        self.say(Rule(Text(text, "bold")))


def run(say: Print, progress: Progress = silent) -> list[Report]:
    """Run the whole demonstration; returns the reports, in order."""
    with tempfile.TemporaryDirectory(prefix="fpcheck-demo-") as folder, WorkerClient() as remote:
        demonstration = Demonstration(say, Path(folder), remote, progress)
        demonstration.record()
        reports = [demonstration.compare(demonstration.copy, "a true copy")]
        reports += [demonstration.compare(chapter.source, chapter.title) for chapter in CHAPTERS]
        reports.append(
            demonstration.compare(
                demonstration.copy, "the model is right, its preprocessing left out", "none"
            )
        )
        reports.append(demonstration.validate("the same, seen in the accuracy", "none"))
    say("")
    say("Now yours: record a model that you trust, then compare it in CI or pre-commit.")
    say(f"How: {command('record', help=True)}")
    return reports
