"""Record: plan, open, measure, and store what was measured as the next version of a golden."""

import platform
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

import fpcheck
from fpcheck.codec import Value
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import probes
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.first_recipe import unrecorded
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import Structure
from fpcheck.golden.document import Editable
from fpcheck.golden.golden import Golden, Provenance, SourceRecord
from fpcheck.golden.store import Entry
from fpcheck.layout.placement import is_weights_only
from fpcheck.model.environment import environment
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.questions import OutputPlan
from fpcheck.model.source import Options, Source
from fpcheck.model.worker_client import WorkerClient
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report
from fpcheck.workflows import labelled_data
from fpcheck.workflows.accuracy_measurement import measured_accuracy
from fpcheck.workflows.evaluation import compare_goldens, reference
from fpcheck.workflows.golden_lookup import Choice
from fpcheck.workflows.golden_warnings import warnings
from fpcheck.workflows.model_access import opened
from fpcheck.workflows.next_commands import NAME_ARCHITECTURE
from fpcheck.workflows.output_recording import measured_outputs
from fpcheck.workflows.record_plan import RecordPlan, recording_plan, unstored_plan
from fpcheck.workflows.recording import Recording
from fpcheck.workflows.request import RecordRequest


class Unstored(Value, frozen=True, eq=False):
    """A golden that no store contains, and what to know of how its source was loaded."""

    golden: Golden
    notes: tuple[str, ...]


def record_source(
    source: object,
    request: RecordRequest,
    options: Options,
    remote: WorkerClient | None = None,
    progress: Progress = silent,
) -> Recording:
    """Measure a good model and store it, unless the newest version says the same.

    Args:
        source: a path, an application's name, `package.module:function`, or a `keras.Model`.
        request: what is asked.
        options: how to load it.
        remote: a worker to use where one is needed, which then stays open.
        progress: receives what is being done.

    Raises:
        FpcheckError: it cannot be read, or must not be approved.
    """
    with recording_plan(source, request, options) as plan:
        measured = _carried_out(plan, remote, progress)
    return _store(plan, measured.golden, measured.notes)


def unstored(
    source: object, request: RecordRequest, options: Options, progress: Progress = silent
) -> Unstored:
    """The golden that recording a source would give, as version 1 and without `fpcheck.yaml`."""
    with unstored_plan(source, request, options) as plan:
        return _carried_out(plan, None, progress)


def _carried_out(plan: RecordPlan, remote: WorkerClient | None, progress: Progress) -> Unstored:
    progress(f"loading {plan.source.text}")
    with opened(plan, remote) as model:
        fingerprint = _measured(model, plan, progress)
        golden = Golden(
            name=plan.name,
            version=plan.version,
            fingerprint=fingerprint,
            note=plan.request.note,
            tolerances=plan.tolerances(fingerprint.structure),
            provenance=_provenance(model.backend),
            source=_record(plan.source, model),
        )
        return Unstored(golden, tuple(model.notes))


def _measured(model: OpenedModel, plan: RecordPlan, progress: Progress) -> Fingerprint:
    """What was asked for, cheapest first."""
    fingerprint = Fingerprint(model.contents.structure())
    if is_weights_only(fingerprint.structure):
        raise FpcheckError(
            f"{plan.source.text}: contains weights only, no architecture", NAME_ARCHITECTURE
        )
    if "weights" in plan.levels:
        progress("measuring weights")
        fingerprint = Fingerprint(fingerprint.structure, model.contents.weights())
    if "outputs" in plan.levels:
        fingerprint = _with_outputs(model, plan, fingerprint, progress)
    if plan.request.data is not None:
        progress("predicting the labelled examples")
        data, structure = Path(plan.request.data), fingerprint.structure
        accuracy = measured_accuracy(model, structure, data, plan.preprocess)
        fingerprint = msgspec.structs.replace(fingerprint, accuracy=accuracy)
    return fingerprint


def _with_outputs(
    model: OpenedModel, plan: RecordPlan, fingerprint: Fingerprint, progress: Progress
) -> Fingerprint:
    """With the outputs, and with what only the live model says of structure and weights."""
    fingerprint = model.completed(fingerprint)
    structure = fingerprint.structure
    how = OutputPlan(
        _probes(plan, model, structure),
        plan.preprocess,
        recording=True,
        allowed=plan.tolerances(structure).bound_of_outputs,
    )
    progress("running the model on probes, measuring noise and sensitivity")
    outputs = measured_outputs(model, plan.source, plan.options, how, fingerprint.weights)
    return msgspec.structs.replace(fingerprint, outputs=outputs)


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
    record = SourceRecord(source.text, model.format)
    if model.file is None or not source.local:
        return record
    whole, notes = model.file.whole(), model.file.notes
    return msgspec.structs.replace(record, digest=whole.digest, size=whole.size, notes=notes)


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
    if newest is not None:
        before = Choice(newest, "the version before")
        changes = compare_goldens(before, golden.fingerprint, reference(golden))
        if _same(newest, golden, changes):
            return _edit(plan, newest, changes)
        if newest.fingerprint.accuracy and not golden.fingerprint.accuracy:
            lost = f"{newest.label} recorded accuracy, this version does not: give --data"
            notes = (*notes, lost)
    entry = plan.store.save(golden)
    stored = msgspec.structs.replace(golden, path=entry.path)
    return Recording(stored, True, changes, (*notes, *warnings(golden)))


def _edit(plan: RecordPlan, newest: Golden, changes: Report) -> Recording:
    """Give the newest version of an unchanged model the note and the tolerance that are asked."""
    note, asked, tolerances = plan.request.note, plan.request.tolerance, newest.tolerances
    if asked is not None:
        tolerances = msgspec.structs.replace(tolerances, outputs=asked)
    golden = msgspec.structs.replace(newest, note=note or newest.note, tolerances=tolerances)
    edited = tuple(n for n in ("note", "tolerances") if getattr(golden, n) != getattr(newest, n))
    if edited and newest.path is not None:
        plan.store.edit(Entry(newest.path), Editable(golden.note, golden.tolerances))
    return Recording(golden, False, changes, (), edited)


def _same(newest: Golden, golden: Golden, changes: Report) -> bool:
    """Whether the newest version says the same: levels, preprocessing, and within tolerance all."""
    old, new = newest.fingerprint, golden.fingerprint
    if unrecorded(old.structure, new.structure) is not None:  # by an earlier fpcheck
        return False
    if old.levels != new.levels or changes.findings:
        return False
    if any(changes.levels[level].status != "pass" for level in old.levels):
        return False
    if new.accuracy is None:
        return True
    if old.accuracy is None:
        return False
    return np.array_equal(old.accuracy.examples, new.accuracy.examples) and np.array_equal(
        old.accuracy.predicted, new.accuracy.predicted
    )
