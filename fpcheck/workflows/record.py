"""Record: plan, open, measure, and store what was measured as the next version of a golden."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec.structs import replace

import fpcheck
from fpcheck.comparison.tolerance import Tolerances, tolerances_of
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import probes
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.first_recipe import unrecorded
from fpcheck.fingerprint.levels import LEVELS
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import Structure
from fpcheck.golden.document import Editable
from fpcheck.golden.golden import Golden, Provenance, SourceRecord
from fpcheck.golden.lookup import goldens_folder
from fpcheck.golden.store import Entry, Store
from fpcheck.layout.placement import is_weights_only
from fpcheck.model.environment import environment
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.runner import OutputPlan
from fpcheck.model.source import Options, Source
from fpcheck.model.worker_client import WorkerClient
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report
from fpcheck.settings import ModelSettings
from fpcheck.workflows import labelled_data
from fpcheck.workflows.evaluation import compare_goldens
from fpcheck.workflows.next_commands import NAME_ARCHITECTURE
from fpcheck.workflows.open_model import check_whole, open_model
from fpcheck.workflows.output_noise import measured_outputs
from fpcheck.workflows.plan import (
    AUTO,
    Choice,
    Plan,
    RecordRequest,
    check_levels,
    file_of,
    is_bare,
    own_preprocess,
    resolve,
    settings_of,
    with_settings,
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
    remote: WorkerClient | None = None,
    progress: Progress = silent,
) -> Recording:
    """Measure a good model and store it, unless the newest version says the same.

    A `remote` worker is used where one is needed, and stays open.

    Raises:
        FpcheckError: it cannot be read, or must not be approved.
    """
    with recording_plan(source, request, options) as plan:
        golden, notes = _golden(plan, remote, progress)
    return _store(plan, golden, notes)


def unstored(
    source: object, request: RecordRequest, options: Options, progress: Progress = silent
) -> tuple[Golden, tuple[str, ...]]:
    """The golden that recording a source would give, as version 1 and without `fpcheck.yaml`.

    Also what a person should know of how the source was loaded.
    """
    with recording_plan(source, request, options, stored=False) as plan:
        return _golden(plan, None, progress)


@contextmanager
def recording_plan(
    source: object, request: RecordRequest, options: Options, stored: bool = True
) -> Iterator[RecordPlan]:
    """How a source is recorded as the next version of its golden.

    Raises:
        FpcheckError: no such source or level, or the newest version is damaged.
    """
    parsed = resolve(source)
    said = settings_of(parsed) if stored else None
    options = with_settings(options, said)
    with file_of(parsed, frozenset()) as file:
        name = request.name or _mapped_name(said) or parsed.name
        before = Store(goldens_folder(request.goldens)).entry(name) if stored else None
        newest = before.load() if before else None
        preprocess = _preprocess(request.preprocess, said, newest)
        levels = _levels(request, options)
        yield RecordPlan(
            given=source,
            source=parsed,
            options=options,
            file=file,
            known=frozenset(),
            runs="outputs" in levels,
            bare=is_bare(parsed, options, levels),
            request=request,
            name=name,
            levels=levels,
            preprocess=own_preprocess(parsed, options) if preprocess == AUTO else preprocess,
            newest=newest,
        )


def _mapped_name(said: ModelSettings | None) -> str | None:
    """The golden that the configuration maps a file to, if it names one in the folder."""
    name = said.golden.partition("@")[0] if said else ""
    return name if not name.endswith((".yaml", ".yml")) else None


def _preprocess(asked: str, said: ModelSettings | None, newest: Golden | None) -> str:
    """What was decided for the golden stays decided, unless the user says otherwise now."""
    if asked != AUTO:
        return asked
    if said is not None and said.preprocess is not None:
        return said.preprocess
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


def _golden(
    plan: RecordPlan, remote: WorkerClient | None, progress: Progress
) -> tuple[Golden, tuple[str, ...]]:
    """The golden, and what a person should know of how its source was loaded."""
    with open_model(plan, remote, progress) as model:
        fingerprint = _measured(model, plan, progress)
        golden = Golden(
            name=plan.name,
            version=plan.newest.version + 1 if plan.newest else 1,
            fingerprint=fingerprint,
            note=plan.request.note,
            tolerances=plan.tolerances(fingerprint.structure),
            provenance=_provenance(model.backend),
            source=_record(plan.source, model),
        )
        return golden, tuple(model.notes)


def _measured(model: OpenedModel, plan: RecordPlan, progress: Progress) -> Fingerprint:
    """What was asked for, cheapest first."""
    check_whole(model, plan)
    measured = Fingerprint(model.contents.structure())
    if is_weights_only(measured.structure):
        raise FpcheckError(
            f"{plan.source.text}: contains weights only, no architecture", NAME_ARCHITECTURE
        )
    if "weights" in plan.levels:
        progress("measuring weights")
        measured = Fingerprint(measured.structure, model.contents.weights())
    if "outputs" in plan.levels:
        measured = model.completed(measured)  # with what only the live model says
        allowed = plan.tolerances(measured.structure).bound_of_outputs
        made = _probes(plan, model, measured.structure)
        progress("running the model on probes, measuring noise and sensitivity")
        how = OutputPlan(made, plan.preprocess, recording=True, allowed=allowed)
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


def _record(source: Source, model: OpenedModel) -> SourceRecord:
    """What was recorded, with the bytes of a file: of the one that was read, as it was read."""
    if model.file is None or not source.local:
        return SourceRecord(source.text, model.format)
    whole = model.file.whole()
    return SourceRecord(source.text, model.format, whole.digest, whole.size, model.file.notes)


def _provenance(backend: str) -> Provenance:
    return Provenance(
        time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        fpcheck=fpcheck.__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        environment=environment(backend),
    )


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
