"""Record: take the fingerprint of a good model and store it as the next version of a golden."""

import platform
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

import fpcheck
import fpcheck.golden.arrays  # while the file is read, not when it is written
from fpcheck.codec import Value
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.diagnosis.evidence import some
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import accuracy
from fpcheck.fingerprint.accuracy import Accuracy
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.first_recipe import unrecorded
from fpcheck.fingerprint.levels import LEVELS
from fpcheck.fingerprint.probe_words import UNKNOWN_WORDS
from fpcheck.fingerprint.structure import Layer, Structure
from fpcheck.formats.model_file import ModelFile
from fpcheck.golden.document import Editable
from fpcheck.golden.golden import Golden, Provenance, SourceRecord
from fpcheck.golden.store import Entry, Store
from fpcheck.keras_config import builtin_layers
from fpcheck.layout.placement import is_weights_only
from fpcheck.model.environment import environment
from fpcheck.model.file_session import FileSession
from fpcheck.model.labels import IMAGENET_CLASSES
from fpcheck.model.session import OutputPlan, Session
from fpcheck.model.source import Options, Source
from fpcheck.model.worker_client import RemoteSession
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report
from fpcheck.workflows import kept_decisions, labelled_data
from fpcheck.workflows.evaluation import compare_goldens, reference
from fpcheck.workflows.golden_lookup import goldens_folder
from fpcheck.workflows.model_access import chosen_probes, is_bare, opened, resolve
from fpcheck.workflows.next_commands import NAME_ARCHITECTURE
from fpcheck.workflows.output_recording import measured_outputs
from fpcheck.workflows.recording import Recording
from fpcheck.workflows.request import AUTO, check_levels, configured_loading, own_preprocess


class Request(Value, frozen=True, kw_only=True):
    """What a recording is asked to do; fields as the command line's options."""

    name: str | None = None
    goldens: str | Path | None = None
    levels: tuple[str, ...] | None = None
    preprocess: str = AUTO
    probes: str | None = None
    data: str | Path | None = None
    tolerance: str | None = None
    note: str = ""


def record_source(
    source: object,
    request: Request,
    options: Options,
    remote: RemoteSession | None = None,
    progress: Progress = silent,
    begun: ModelFile | None = None,
) -> Recording:
    """Take a fingerprint and store it, unless the newest version says the same."""
    parsed = resolve(source)
    said, options = configured_loading(parsed, options)
    store = Store(goldens_folder(request.goldens))
    name = request.name or kept_decisions.mapped_name(said) or parsed.name
    before = store.entry(name)
    newest = before.load() if before else None
    request = msgspec.structs.replace(
        request,
        name=name,
        preprocess=kept_decisions.kept_preprocess(request.preprocess, said, newest),
    )
    kept = kept_decisions.kept_tolerances(newest) if newest else None
    taken = unstored(source, request, options, progress, remote, begun, kept)
    version = before.version + 1 if before else 1
    golden = msgspec.structs.replace(taken.golden, version=version)
    return _store(store, golden, newest, taken.notes, request.tolerance)


class Unstored(Value, frozen=True, eq=False):
    """A golden that no store holds, and what to know of how its source was loaded."""

    golden: Golden
    notes: tuple[str, ...]


def unstored(
    source: object,
    request: Request,
    options: Options,
    progress: Progress = silent,
    remote: RemoteSession | None = None,
    begun: ModelFile | None = None,
    kept: Tolerances | None = None,
) -> Unstored:
    """The golden that recording a source would give, as version 1.

    Args:
        source: as given.
        request: what is asked.
        options: how to load it.
        progress: is told what is being done.
        remote: a worker to use where one is needed, which then stays open.
        begun: the file, if it is being read already.
        kept: tolerances that were decided for the version before.
    """
    check_levels(request.levels)
    parsed = resolve(source)
    levels = request.levels or (LEVELS[:2] if options.static else LEVELS)
    if options.static and ("outputs" in levels or request.data is not None):
        raise FpcheckError(
            "--static: the model is not run, so it has neither outputs nor accuracy",
            "Leave out --static, or --levels outputs and --data.",
        )
    request = msgspec.structs.replace(request, levels=levels)
    bare = is_bare(parsed, options) and set(levels) == {"structure"}
    progress(f"loading {parsed.text}")
    with opened(
        source, parsed, options, remote, bare, frozenset(), "outputs" in levels, begun
    ) as session:
        fingerprint = _take(session, parsed, request, options, progress, kept)
        record, notes, backend = _record(parsed, session), tuple(session.notes), session.backend
    golden = Golden(
        name=request.name or parsed.name,
        version=1,
        fingerprint=fingerprint,
        note=request.note,
        tolerances=kept_decisions.tolerances(fingerprint.structure, request.tolerance, kept),
        provenance=_provenance(backend),
        source=record,
    )
    return Unstored(golden, notes)


def _record(source: Source, session: Session) -> SourceRecord:
    """What was recorded, with the bytes of a file: of the one that was read, as it was read."""
    record = SourceRecord(source.text, session.format)
    if not isinstance(session, FileSession) or not source.local:
        return record
    whole, notes = session.whole(), session.told
    return msgspec.structs.replace(record, digest=whole.digest, size=whole.size, notes=notes)


def _take(
    session: Session, source: Source, request: Request, options: Options, progress: Progress,
    kept: Tolerances | None,
) -> Fingerprint:  # fmt: skip
    levels = request.levels or LEVELS
    structure = session.structure()
    if is_weights_only(structure):
        raise FpcheckError(
            f"{source.text}: holds weights only, no architecture",
            NAME_ARCHITECTURE,
        )
    fingerprint = Fingerprint(structure)
    if "weights" in levels:
        progress("measuring weights")
        fingerprint = Fingerprint(structure, session.weights())
    if "outputs" in levels and isinstance(session, FileSession):
        whole = session.completed()
        weights = whole.weights if "weights" in levels else None
        fingerprint = Fingerprint(whole.structure, weights)
        structure = fingerprint.structure
    preprocess = request.preprocess
    if preprocess == AUTO:
        preprocess = own_preprocess(source, options)
    if "outputs" in levels:
        tolerances = kept_decisions.tolerances(structure, request.tolerance, kept)
        plan = OutputPlan(
            chosen_probes(request.probes, session, structure, preprocess),
            preprocess,
            recording=True,
            allowed=tolerances.bound_of_outputs,
        )
        progress("running the model on probes, measuring noise and sensitivity")
        outputs = measured_outputs(session, source, options, plan, fingerprint.weights)
        fingerprint = msgspec.structs.replace(fingerprint, outputs=outputs)
    if request.data is not None:
        progress("predicting the labelled examples")
        measured = judge(session, structure, Path(request.data), preprocess)
        fingerprint = msgspec.structs.replace(fingerprint, accuracy=measured)
    return fingerprint


def judge(
    session: Session, structure: Structure, path: Path, preprocess: str, allow_nan: bool = False
) -> Accuracy:
    """Predict labelled examples and say how well; NaN is refused unless it is to be judged."""
    examples = labelled_data.load_examples(path, structure)
    scores = session.predict(examples.images, preprocess)
    if scores.shape[1] == IMAGENET_CLASSES:
        examples = labelled_data.as_imagenet(examples, session.labels())
    if not np.isfinite(scores).all() and not allow_nan:
        raise FpcheckError(
            f"{path}: the model gives NaN or infinity on labelled examples",
            "Mend the model, or its preprocessing, before it is approved.",
        )
    if examples.labels.min() < 0 or examples.labels.max() >= scores.shape[1]:
        raise FpcheckError(
            f"{path}: labels go up to {examples.labels.max()}, the model has {scores.shape[1]} "
            "classes",
            "Number the classes from 0.",
        )
    return accuracy.measure(examples.images, examples.labels, scores, examples.classes, preprocess)


def _provenance(backend: str) -> Provenance:
    return Provenance(
        time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        fpcheck=fpcheck.__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        environment=environment(backend),
    )


def _store(
    store: Store, golden: Golden, newest: Golden | None, notes: tuple[str, ...], asked: str | None
) -> Recording:
    changes = None
    if newest is not None:
        changes = compare_goldens(
            newest, golden.fingerprint, reference(golden), "the version before"
        )
        if _same(newest, golden, changes):
            return _edit(store, newest, golden.note, asked, changes)
    if newest and newest.fingerprint.accuracy and not golden.fingerprint.accuracy:
        notes = (*notes, f"{newest.label} recorded accuracy, this version does not: give --data")
    entry = store.save(golden)
    stored = msgspec.structs.replace(golden, path=entry.path)
    return Recording(stored, True, changes, (*notes, *_warnings(golden)))


def _edit(store: Store, newest: Golden, note: str, asked: str | None, changes: Report) -> Recording:
    """Give the newest version of an unchanged model the note and the tolerance that are asked."""
    tolerances = newest.tolerances
    if asked is not None:
        tolerances = msgspec.structs.replace(tolerances, outputs=asked)
    golden = msgspec.structs.replace(newest, note=note or newest.note, tolerances=tolerances)
    edited = tuple(n for n in ("note", "tolerances") if getattr(golden, n) != getattr(newest, n))
    if edited and newest.path is not None:
        store.edit(Entry(newest.path), Editable(golden.note, golden.tolerances))
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


def _warnings(golden: Golden) -> tuple[str, ...]:
    found: list[str] = []
    outputs = golden.fingerprint.outputs
    if outputs is not None:
        found += [
            f"the probes do not test {path}: the outputs did not change when its weights were "
            "replaced"
            for path in outputs.reach.unreached
        ]
        if untried := outputs.reach.untried:
            found.append(
                f"whether the probes test {some(untried)} is unknown: the trial failed or took "
                "too long"
            )
        if any(
            asked.kind == "text" and asked.words == UNKNOWN_WORDS for asked in outputs.probes.inputs
        ):
            found.append(
                "no vocabulary is known, so the text probes contain only unknown words: the "
                "outputs cannot show a changed vocabulary"
            )
        if outputs.noise.largest > golden.tolerances.bound_of_outputs:
            found.append(
                f"the model is noisy: the same probes differ by {outputs.noise.largest:.2g}, "
                "so ten times that is allowed"
            )
    structure, weights = golden.fingerprint.structure, golden.fingerprint.weights
    taken = zip(structure.tensors, weights, strict=True) if weights else ()
    for (layer, tensor), measured in taken:
        details = measured.details
        if details and details.statistics.non_finite:
            found.append(f"{layer.path}/{tensor.role} holds NaN or infinity")
    found += [
        f"{layer.path} holds no weights: it was saved before it was built, and loads as random"
        for layer in structure.layers
        if _lacks_weights(layer)
    ]
    return tuple(found)


def _lacks_weights(layer: Layer) -> bool:
    """Whether a layer of the framework is without the weights that it has once it is built."""
    if layer.custom or layer.tensors or layer.config is None:
        return False
    return bool(builtin_layers.roles(layer.class_name, layer.config, layer.dtype))
