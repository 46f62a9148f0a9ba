"""The ways in which a changed model meets the golden of the one before: live, and as files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
from msgspec.structs import replace

from benchmarks.arguments import making
from fpcheck.codec import PathText
from fpcheck.comparison.tolerance import tolerances_of
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import probes
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.outputs import Noise
from fpcheck.formats import model_file
from fpcheck.golden.golden import Golden, Provenance, SourceRecord
from fpcheck.model.live_model import LiveKerasModel
from fpcheck.model.questions import OutputRequest
from fpcheck.model.source import Options
from fpcheck.processes.reply import named
from fpcheck.report.report import Report
from fpcheck.workflows import evaluation
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import Choice, CompareRequest, RecordRequest
from fpcheck.workflows.record import unstored

# How the candidate is given, and whether it is held against the golden of a file of its own kind.
SUFFIXES = {"keras": ".keras", "h5": ".h5", "weights": ".weights.h5"}
ROUTES = ("live", "keras", "h5", "weights", "keras to keras", "h5 to h5")


@dataclass(frozen=True)
class Said:
    """What fpcheck said of one candidate.

    Attributes:
        verdict: `match`, `mismatch`, `incomplete`, `refused` with an error, `unsaved` where Keras
            cannot write the file.
        proved: whether outputs were called proved.
        told: findings that are errors, as (code, metric, tensor).
        text: the error, or the reason why outputs were skipped.
    """

    verdict: str
    proved: bool = False
    told: tuple[tuple[str, str, str], ...] = ()
    text: str = ""

    def names(self, key: str) -> bool:
        """Whether a finding names an argument, or what it stands for in other words."""
        words = {key, *SYNONYMS.get(key, ())}
        return any(words & {*metric.split("."), tensor, code} for code, metric, tensor in self.told)


# Arguments that findings say in other words: codes, tensors, metrics.
SYNONYMS = {
    "dtype": ("dtype-changed", "tensor-dtype-changed"),
    "vocabulary": ("tensor-changed", "vocabulary-changed"),
    "batch_shape": ("input-changed", "ports"),
    "batch_size": ("input-changed", "ports"),
    "lora_rank": ("kernel", "embeddings"),
    "mean": ("used_mean",),
    "variance": ("used_variance",),
    "indices_or_sections": ("layer-removed",),  # into none at all
    "state": ("carried_state_0", "carried_state_1"),
    "graph": ("call", "args", "kwargs", "axis", "layer-removed"),
}


class _Inline:
    """Reads a file in this process, where a child of its own would take a quarter of a second."""

    def __init__(self, function: str, arguments: tuple[Any, ...], *_: object) -> None:
        self._work = partial(named(function), *arguments)

    def result(self, kind: type) -> Any:
        return "not hashed" if kind is str else self._work()

    def end(self) -> int:
        return 0


@contextmanager
def quickly() -> Iterator[None]:
    """Files, all of which are our own, are read in this process."""
    with mock.patch.object(model_file, "start", _Inline):
        yield


def golden_of(model: Any) -> Golden:
    """The golden of a live model; without outputs where it cannot be run on probes."""
    session = LiveKerasModel(model, "memory")
    structure = session.structure()
    fingerprint = Fingerprint(structure, session.weights())
    request = OutputRequest(probes.fit(structure, probes.COUNT, session.words(), False), "none")
    try:
        outputs = replace(session.outputs(request), noise=Noise(repeat=0.0))
    except FpcheckError:
        outputs = None
    if outputs and not all(np.isfinite(answer.final).all() for answer in outputs.answers):
        outputs = None  # which `record` refuses
    return _golden(replace(fingerprint, outputs=outputs), "memory")


def _golden(fingerprint: Fingerprint, kind: str) -> Golden:
    tolerances = tolerances_of(fingerprint.structure)
    nobody = Provenance("", "", "", "", {})
    return Golden("golden", 1, fingerprint, "", tolerances, nobody, SourceRecord("", kind))


class Meeting:
    """One golden, live and as files, that candidates are held against.

    Args:
        model: the good one.
        folder: for files.
    """

    def __init__(self, model: Any, folder: Path) -> None:
        self.folder = folder
        self.live = golden_of(model)
        self.files: dict[str, Golden | str] = {}
        for kind in ("keras", "h5"):
            path = folder / f"golden{SUFFIXES[kind]}"
            try:
                model.save(path)
                request = RecordRequest(levels=("structure", "weights"))
                self.files[kind] = unstored(str(path), request, Options(static=True))[0]
            except FpcheckError as error:
                self.files[kind] = f"refused {error.fact}"
            except Exception as error:
                self.files[kind] = f"unsaved {str(error)[:120]}"

    def said(self, model: Any) -> dict[str, Said]:
        """What is said of a candidate on every route."""
        found = {"live": _said(model, self.live, Options(), levels=("structure", "weights"))}
        if found["live"].verdict != "mismatch":  # only then is it run, which takes longest
            found["live"] = _said(model, self.live, Options())
        saved: dict[str, Path] = {}
        for kind, suffix in SUFFIXES.items():
            path = self.folder / f"candidate{suffix}"
            try:
                model.save_weights(path) if kind == "weights" else model.save(path)
                saved[kind] = path
            except Exception as error:
                found[kind] = Said("unsaved", text=str(error)[:200])
        for kind in ("keras", "h5"):
            golden = self.files[kind]
            if kind in saved:
                found[kind] = _said(str(saved[kind]), self.live, Options(static=True))
                if isinstance(golden, Golden):
                    route = f"{kind} to {kind}"
                    found[route] = _said(str(saved[kind]), golden, Options(static=True))
        if "weights" in saved and "keras" in saved:
            options = Options(static=True, model=PathText(saved["keras"]))
            found["weights"] = _said(str(saved["weights"]), self.live, options)
        return found

    def kept(self, route: str, arrays: list[Any], old: list[Any]) -> bool:
        """Whether Keras itself loads equal models, so that the file does not hold the change.

        Args:
            route: of the candidate that was last asked about.
            arrays: inputs.
            old: what the golden's model gives.
        """
        if route == "live":
            return False
        # Beside weights, the `.keras` file gives the architecture.
        kind, _, file = route.replace("weights", "keras").partition(" to ")
        try:
            if file:
                old = self._loaded(f"golden{SUFFIXES[kind]}", arrays)
            return not making.changes(old, self._loaded(f"candidate{SUFFIXES[kind]}", arrays))
        except Exception:  # Keras cannot load it, or not run what it loads
            return False

    def _loaded(self, name: str, arrays: list[Any]) -> list[Any]:
        model = keras.saving.load_model(self.folder / name, compile=False)
        return making.outputs(model, arrays)


def _said(
    source: object, golden: Golden, options: Options, levels: tuple[str, ...] | None = None
) -> Said:
    with mock.patch.object(evaluation, "_diagnosed", return_value=[]):
        try:
            asked, choice = CompareRequest(levels=levels), Choice(golden, "")
            report = compare_source(source, asked, options, choice=choice)
        except FpcheckError as error:
            return Said("refused", text=str(error)[:200])
    return _of(report)


def _of(report: Report) -> Said:
    told = tuple((f.code, f.metric or "", f.tensor or "") for f in report.errors)
    outputs = report.levels["outputs"]
    return Said(report.verdict, outputs.status == "proved", told, outputs.reason or "")
