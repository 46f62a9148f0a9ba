"""Records the goldens, compares every candidate with its own, and keeps what was said."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras

import fpcheck
from benchmarks.detection import custom, functions, models
from benchmarks.detection.case import Case, Fault, Known, NotPossibleError
from benchmarks.detection.models import Spec
from benchmarks.detection.subject import Subject
from fpcheck.errors import FpcheckError
from fpcheck.model.source import Options
from fpcheck.model.worker_client import WorkerClient
from fpcheck.report.report import Report
from fpcheck.workflows import compare
from fpcheck.workflows.plan import CompareRequest

# Goldens depend on these; with other sources they are recorded again.
_SOURCES = (
    "codec.py",
    "fingerprint",
    "golden",
    "model",
    "workflows/record.py",
)


@dataclass(frozen=True)
class Row:
    """What fpcheck said of one case, and whether that is right.

    Attributes:
        verdict: `refused` where fpcheck ended with an error.
        codes: all diagnoses, in their order.
        summary: of the first diagnosis, or the error.
        named: whether the first diagnosis names the layers: `exactly`, `among others`, `partly`,
            `no`; None where none should be named.
        divergent: whether the first divergent layer is the first of them; None likewise.
        mentioned: whether it says what it should mention; None likewise.
    """

    model: str
    change: str
    place: str
    expected: tuple[str, ...]
    expected_layers: tuple[str, ...] | None
    verdict: str
    codes: tuple[str, ...]
    layers: tuple[str, ...]
    summary: str
    first_divergent: str | None
    named: str | None
    divergent: bool | None
    mentioned: bool | None
    levels: dict[str, str]

    @property
    def detected(self) -> bool:
        return self.verdict in ("mismatch", "refused")

    @property
    def right(self) -> bool:
        """Whether the first diagnosis is an acceptable one."""
        said = self.codes[0] if self.codes else self.verdict
        return said in self.expected

    @property
    def benign(self) -> bool:
        """Whether nothing should be found."""
        return self.expected[0] == "match"

    @property
    def best(self) -> bool:
        """Whether it is the very one that fits best."""
        return bool(self.codes) and self.codes[0] == self.expected[0]

    @property
    def good(self) -> bool:
        """Whether nothing is left to be wished for."""
        if self.benign:
            return self.verdict == "match"
        told = self.named in (None, "exactly") and self.mentioned is not False
        return self.detected and self.right and told and self.divergent is not False

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        derived = {"detected": self.detected, "right": self.right, "best": self.best}
        return {**asdict(self), **derived}


class Bench:
    """A folder with goldens, and the model that is under test at present.

    Args:
        work: the folder; goldens that are there and still good are used again.
        say: where progress goes.
    """

    def __init__(self, work: Path, say: Callable[[str], None]) -> None:
        self.folder = work / _state()
        self.say = say
        self._workers: dict[tuple[tuple[str, str], ...], WorkerClient] = {}

    def subject(self, name: str, spec: Spec) -> Subject:
        """Build a good model, and record its golden unless there is one.

        Raises:
            NotInstalledError: its data is not on this machine.
        """
        subject = Subject(name, spec)
        goldens = self.goldens(name)
        if not (goldens / name / "1.yaml").exists():
            self.say(f"recording {name}")
            goldens.mkdir(parents=True, exist_ok=True)
            source: object = subject.model
            if spec.from_file:
                source = goldens / f"{name}.keras"
                subject.model.save(source)
            fpcheck.record(source, name, goldens=goldens, preprocess=spec.preprocess)
        return subject

    def goldens(self, name: str) -> Path:
        return self.folder / name

    def rows(self, subject: Subject, fault: Fault) -> Iterator[Row]:
        """One row for each place; none where the model has none."""
        for case in fault.cases(subject):
            codes = case.codes or fault.codes
            try:
                # Before the candidate is made: both may be edits of the same model in memory.
                goldens = self._beside(subject, case.known) if case.known else None
                with case.candidate() as candidate:
                    outcome = self.compared(subject, candidate, case, goldens)
            except NotPossibleError:
                continue
            yield _judged(subject.name, fault.name, case, codes, outcome)

    def compared(
        self, subject: Subject, candidate: object, case: Case, goldens: Path | None = None
    ) -> Report | FpcheckError:
        """What fpcheck says; its error where it refuses."""
        goldens = goldens or self.goldens(subject.name)
        options = dict(case.options)
        try:
            if isinstance(candidate, keras.Model) or options.get("static"):
                return fpcheck.compare(candidate, subject.name, goldens=goldens, **options)
            asked = {key: options.pop(key) for key in ("full",) if key in options}
            request = CompareRequest(golden=subject.name, goldens=goldens, **asked)
            worker = self._worker(case.environment)
            return compare.compare_source(candidate, request, Options(**options), worker)
        except FpcheckError as error:
            return error

    def _worker(self, environment: Mapping[str, str]) -> WorkerClient:
        """One process for each environment, kept: starting TensorFlow takes seconds."""
        key = tuple(sorted(environment.items()))
        if key not in self._workers:
            self._workers[key] = WorkerClient(dict(environment))
        return self._workers[key]

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers.values():
            worker.close()

    def _beside(self, subject: Subject, known: Known) -> Path:
        """A folder with the subject's golden and another one."""
        folder = self.folder / f"{subject.name}-beside-{known.name}"
        if not (folder / known.name / "1.yaml").exists():
            own = self.goldens(subject.name) / subject.name
            shutil.copytree(own, folder / subject.name, dirs_exist_ok=True)
            levels = ("structure", "weights")
            with known.source() as other:
                fpcheck.record(other, known.name, goldens=folder, levels=levels)
        return folder


def _state() -> str:
    """Of all that decides what a golden holds."""
    root = Path(fpcheck.__file__).parent
    files = [Path(module.__file__ or "") for module in (models, custom, functions)]
    for name in _SOURCES:
        path = root / name
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    digest = hashlib.sha256(keras.__version__.encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _judged(
    model: str, change: str, case: Case, codes: tuple[str, ...], outcome: Report | FpcheckError
) -> Row:
    base: dict[str, Any] = {
        "model": model,
        "change": change,
        "place": case.place,
        "expected": codes,
        "expected_layers": case.layers,
    }
    if isinstance(outcome, FpcheckError):
        return Row(
            **base,
            verdict="refused",
            codes=(),
            layers=(),
            summary=str(outcome),
            levels={},
            first_divergent=None,
            named=None,
            divergent=None,
            mentioned=None,
        )
    first = outcome.diagnoses[0] if outcome.diagnoses else None
    layers = tuple(first.layers) if first else ()
    told = " ".join([first.summary, *first.evidence, first.advice]) if first else ""
    expected = case.layers
    found = outcome.first_divergent_layer
    return Row(
        **base,
        verdict=outcome.verdict,
        codes=tuple(d.code for d in outcome.diagnoses),
        layers=layers,
        summary=first.summary if first else "",
        first_divergent=found,
        named=_named(expected, layers) if expected else None,
        divergent=_same(expected[0], found or "") if expected and case.diverges else None,
        mentioned=case.mentions in told if case.mentions else None,
        levels={name: level.status for name, level in outcome.levels.items()},
    )


def _same(wanted: str, said: str) -> bool:
    """Whether a layer is meant; an LSTM is also meant by the cell inside it, and the reverse."""
    return wanted == said or wanted.startswith(f"{said}/") or said.startswith(f"{wanted}/")


def _named(wanted: tuple[str, ...], said: tuple[str, ...]) -> str:
    hit = [w for w in wanted if any(_same(w, s) for s in said)]
    beside = [s for s in said if not any(_same(w, s) for w in wanted)]
    if len(hit) == len(wanted):
        return "among others" if beside else "exactly"
    return "partly" if hit else "no"
