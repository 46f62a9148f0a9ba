"""Record: plan, open, measure, and store what was measured as the next version of a golden."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec.structs import asdict, replace

import fpcheck
from fpcheck.comparison.tolerance import Tolerances, tolerances_of
from fpcheck.errors import FpcheckError
from fpcheck.files.refusals import NAME_ARCHITECTURE
from fpcheck.fingerprint import probes
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.first_recipe import unrecorded
from fpcheck.fingerprint.levels import LEVELS
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import Structure
from fpcheck.golden.document import Editable
from fpcheck.golden.golden import Golden, Provenance, SourceRecord
from fpcheck.golden.store import Entry, Store, goldens_folder
from fpcheck.layout.placement import is_weights_only
from fpcheck.model.environment import environment
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.questions import OutputRequest
from fpcheck.model.source import Options, Source
from fpcheck.model.worker_client import WorkerClient
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report
from fpcheck.settings import ModelSettings
from fpcheck.workflows import labelled_data
from fpcheck.workflows.evaluation import compare_goldens
from fpcheck.workflows.open_model import check_whole, open_model
from fpcheck.workflows.output_noise import measured_outputs
from fpcheck.workflows.plan import (
    AUTO,
    Choice,
    Plan,
    RecordRequest,
    check_levels,
    needs_architecture_only,
    opening_plan,
    own_preprocess,
)
from fpcheck.workflows.recording import Recording, warnings


class RecordPlan(Plan, frozen=True, eq=False, kw_only=True):
    """How a source is recorded.

    `newest` is the version before, whose decisions hold; None for a first version.
    """

    request: RecordRequest
    name: str
    levels: tuple[str, ...]
    preprocess: str
    newest: Golden | None

    def tolerances(self, structure: Structure) -> Tolerances:
        """As asked, else as a person decided for the version before, else by the arithmetic."""
        own, newest = tolerances_of(structure), self.newest
        if newest and newest.tolerances != tolerances_of(newest.fingerprint.structure):
            own = newest.tolerances
        asked = self.request.tolerance
        return replace(own, outputs=asked) if asked else own


def record_source(
    source: object,
    request: RecordRequest,
    options: Options,
    worker: WorkerClient | None = None,
    progress: Progress = silent,
) -> Recording:
    """Measure a good model and store it, unless the newest version says the same.

    The `worker` is used where one is needed, and stays open. FpcheckError if the model cannot
    be read, or must not be approved.
    """
    with (
        recording_plan(source, request, options) as plan,
        open_model(plan, worker, progress) as model,
    ):
        golden = _golden(model, plan, progress)
    return _store(plan, golden, tuple(model.notes))


def unstored(
    source: object, request: RecordRequest, options: Options, progress: Progress = silent
) -> tuple[Golden, tuple[str, ...]]:
    """The golden that recording would give, as version 1 and without `fpcheck.yaml`; its notes."""
    with (
        recording_plan(source, request, options, stored=False) as plan,
        open_model(plan, None, progress) as model,
    ):
        return _golden(model, plan, progress), tuple(model.notes)


@contextmanager
def recording_plan(
    source: object, request: RecordRequest, options: Options, stored: bool = True
) -> Iterator[RecordPlan]:
    """How a source is recorded as the next version of its golden, or not `stored` at all."""
    with opening_plan(source, options, frozenset(), configured=stored) as opening:
        mapped = opening.settings.golden.partition("@")[0] if opening.settings else ""
        if mapped.endswith((".yaml", ".yml")):  # a file, and no name of a golden in the folder
            mapped = ""
        name = request.name or mapped or opening.source.name
        before = Store(goldens_folder(request.goldens)).entry(name) if stored else None
        newest = before.load() if before else None
        preprocess = _preprocess(request.preprocess, opening.settings, newest)
        levels = _levels(request, opening.options)
        only = needs_architecture_only(opening, levels)
        opening = replace(opening, runs="outputs" in levels, architecture_only=only)
        yield RecordPlan(
            **asdict(opening),
            request=request,
            name=name,
            levels=levels,
            preprocess=own_preprocess(opening) if preprocess == AUTO else preprocess,
            newest=newest,
        )


def _preprocess(asked: str, settings: ModelSettings | None, newest: Golden | None) -> str:
    """What was decided for the golden stays decided, unless the user says otherwise now."""
    if asked != AUTO:
        return asked
    if settings is not None and settings.preprocess is not None:
        return settings.preprocess
    outputs = newest.fingerprint.outputs if newest else None
    return outputs.preprocess if outputs else AUTO


def _levels(request: RecordRequest, options: Options) -> tuple[str, ...]:
    check_levels(request.levels)
    levels = request.levels or (LEVELS[:2] if options.static else LEVELS)
    if options.static and ("outputs" in levels or request.data is not None):
        raise FpcheckError(
            "--static: the model is not run, so it has neither outputs nor accuracy",
            "Leave out --static, or --levels outputs and --data.",
        )
    return levels


def _golden(model: OpenedModel, plan: RecordPlan, progress: Progress) -> Golden:
    measured = _measured(model, plan, progress)
    return Golden(
        name=plan.name,
        version=plan.newest.version + 1 if plan.newest else 1,
        fingerprint=measured,
        note=plan.request.note,
        tolerances=plan.tolerances(measured.structure),
        provenance=Provenance(
            time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            fpcheck=fpcheck.__version__,
            python=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}",
            environment=environment(model.backend),
        ),
        source=_source_record(plan.source, model),
    )


def _measured(model: OpenedModel, plan: RecordPlan, progress: Progress) -> Fingerprint:
    """What was asked for, cheapest first."""
    check_whole(model, plan)
    measured = Fingerprint(model.contents.structure())
    if is_weights_only(measured.structure):
        fact = f"{plan.source.text}: contains weights only, no architecture"
        raise FpcheckError(fact, NAME_ARCHITECTURE)
    if "weights" in plan.levels:
        progress("measuring weights")
        measured = Fingerprint(measured.structure, model.contents.weights())
    if "outputs" in plan.levels:
        measured = model.completed(measured)  # with what only the live model says
        allowed = plan.tolerances(measured.structure).bound_of_outputs
        made = _probes(plan, model, measured.structure)
        progress("running the model on probes, measuring noise and sensitivity")
        how = OutputRequest(made, plan.preprocess, recording=True, allowed=allowed)
        outputs = measured_outputs(model, plan.source, plan.options, how, measured.weights)
        measured = replace(measured, outputs=outputs)
    if plan.request.data is not None:
        progress("predicting the labelled examples")
        data = Path(plan.request.data)
        accuracy = labelled_data.accuracy_on(data, model, measured.structure, plan.preprocess)
        measured = replace(measured, accuracy=accuracy)
    return measured


def _probes(plan: RecordPlan, model: OpenedModel, structure: Structure) -> Probes:
    """The probes that `--probes` names: how many, or a file or folder that contains them."""
    asked = plan.request.probes
    if asked is not None and not asked.isdecimal():
        return probes.given(labelled_data.probe_arrays(Path(asked), structure), structure)
    number = int(asked or probes.COUNT)
    if number == 0:
        raise FpcheckError(
            "--probes 0: outputs need at least one probe",
            "To record no outputs, give --levels LIST.",
        )
    raw = plan.preprocess != "none"
    return probes.fit(structure, number, model.words(), raw_pixels=raw)


def _source_record(source: Source, model: OpenedModel) -> SourceRecord:
    """What was recorded, with the bytes of a file: of the one that was read, as it was read."""
    read = model.file_contents
    if read is None or not source.local:
        return SourceRecord(source.text, model.format)
    whole = read.whole()
    return SourceRecord(source.text, model.format, whole.digest, whole.size, read.notes)


def _store(plan: RecordPlan, golden: Golden, notes: tuple[str, ...]) -> Recording:
    newest, changes = plan.newest, None
    store = Store(goldens_folder(plan.request.goldens))
    if newest is not None:
        changes = compare_goldens(Choice(newest, "the version before"), golden)
        if _same(newest.fingerprint, golden.fingerprint, changes):
            return _edit(store, plan.request, newest, changes)
        if newest.fingerprint.accuracy and not golden.fingerprint.accuracy:
            lost = f"{newest.label} recorded accuracy, this version does not: give --data"
            notes = (*notes, lost)
    stored = replace(golden, path=store.save(golden).path)
    return Recording(stored, True, changes, (*notes, *warnings(golden)))


def _edit(store: Store, request: RecordRequest, newest: Golden, changes: Report) -> Recording:
    """Give the newest version of an unchanged model the note and the tolerance that are asked."""
    tolerances = newest.tolerances
    if request.tolerance is not None:
        tolerances = replace(tolerances, outputs=request.tolerance)
    golden = replace(newest, note=request.note or newest.note, tolerances=tolerances)
    edited = tuple(n for n in ("note", "tolerances") if getattr(golden, n) != getattr(newest, n))
    if edited and newest.path is not None:
        store.edit(Entry(newest.path), Editable(golden.note, golden.tolerances))
    return Recording(golden, False, changes, (), edited)


def _same(old: Fingerprint, new: Fingerprint, changes: Report) -> bool:
    """Whether the newest version says the same: levels, preprocessing, and within tolerance all."""
    if unrecorded(old.structure, new.structure) is not None:  # by an earlier fpcheck
        return False
    if old.levels != new.levels or changes.findings:
        return False
    if any(changes.levels[level].status != "pass" for level in old.levels):
        return False
    if old.accuracy is None or new.accuracy is None:
        return new.accuracy is None
    return np.array_equal(old.accuracy.examples, new.accuracy.examples) and np.array_equal(
        old.accuracy.predicted, new.accuracy.predicted
    )
