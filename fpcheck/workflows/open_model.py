"""Opens a source, wherever it is best run."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fpcheck.codec import PathText
from fpcheck.errors import FpcheckError
from fpcheck.files.address import is_address, shown
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.structure import REST
from fpcheck.formats import kind_of_format
from fpcheck.formats.format import Contains
from fpcheck.formats.model_file import ModelFile
from fpcheck.golden.store import shipped
from fpcheck.layout.layer_matching import out_of_order, out_of_place
from fpcheck.layout.placement import is_weights_only, misfit
from fpcheck.model.environment import chosen_backend
from fpcheck.model.opened_model import FileContents, OpenedModel
from fpcheck.model.questions import LiveModel
from fpcheck.model.source import Kind, Options, Source
from fpcheck.progress import Progress, silent
from fpcheck.wording import some
from fpcheck.workflows.plan import Plan, opening_plan

if TYPE_CHECKING:
    from fpcheck.model.worker_client import WorkerClient

GetWorker = Callable[[], "WorkerClient"]
# What Keras would do with a file of weights alone whose tensors fpcheck finds by their names.
_FROZEN = (
    "every tensor is in the file under its name, but trainable was different for {} when the file "
    "was saved: load_weights of Keras goes by order, so set trainable as it was before you load"
)
_MISPLACED = (
    "every tensor is in the file under its name, but load_weights of Keras looks for {} in other "
    "groups, so it will refuse the file: save the weights again from the model that you load them "
    "into"
)


@contextmanager
def open_model(
    plan: Plan, worker: "WorkerClient | None" = None, progress: Progress = silent
) -> Iterator[OpenedModel]:
    """An open model: in this process for a model in memory, read for a file, else in a worker.

    The `worker` is used where one is needed, and stays open; one of its own ends.
    """
    progress(f"loading {plan.source.text}")
    _check_options(plan.source, plan.options)
    if plan.source.kind is Kind.MEMORY:
        yield _in_memory(plan.given, plan.options)
        return
    with ExitStack() as own:

        @cache
        def get_worker() -> "WorkerClient":
            if worker is not None:
                return worker
            from fpcheck.model.worker_client import WorkerClient  # reading a file needs none

            return own.enter_context(WorkerClient())

        if plan.file is not None:
            yield _read(plan, plan.file, get_worker)
            return
        client = get_worker()
        with brought(plan.source, plan.options) as (local, given):
            client.open(local, given, plan.architecture_only)
        yield OpenedModel(client.model, lambda: client.model, client.format, client.backend)


def _check_options(source: Source, options: Options) -> None:
    if source.kind is not Kind.APPLICATION and options.weights != Options().weights:
        raise FpcheckError(
            f"--weights {shown(options.weights)}: {source.text} is not a model of "
            "keras.applications",
            "Name a weights file as the source, and its architecture with --model.",
        )
    if options.static and source.kind is not Kind.FILE:
        raise FpcheckError(
            f"--static: {source.text} is not a file, and --static can only read files",
            "Give a model file, or leave out --static.",
        )


def _in_memory(source: Any, options: Options) -> OpenedModel:
    import keras

    from fpcheck.model.live_model import LiveKerasModel

    if not isinstance(source, keras.Model):
        raise FpcheckError(
            f"a {type(source).__name__} is not a source",
            "Give a keras.Model, a path, an application's name, or package.module:function.",
        )
    live = LiveKerasModel(source, "memory")
    if options.backend not in ("", live.backend):
        raise FpcheckError(
            f"--backend {options.backend}: the model in memory runs on {live.backend}",
            "Leave the backend out, or save the model and give the file.",
        )
    return OpenedModel(live, lambda: live, live.format, live.backend)


@contextmanager
def brought(source: Source, options: Options) -> Iterator[tuple[Source, Options]]:
    """What can be run here: of each remote file a copy that lives as long as this."""
    with ExitStack() as copies:

        def here(place: PathText) -> PathText:
            if not is_address(place):
                return place
            from fpcheck.files.remote_files import download

            folder = copies.enter_context(tempfile.TemporaryDirectory(prefix="fpcheck-"))
            return PathText(download(place, Path(folder)))

        target = here(source.target) if source.kind is Kind.FILE else source.target
        model = None if options.model is None else here(options.model)
        yield (
            msgspec.structs.replace(source, target=target),
            msgspec.structs.replace(options, model=model, weights=here(options.weights)),
        )


def _read(plan: Plan, file: ModelFile, get_worker: GetWorker) -> OpenedModel:
    """What is read of a file; weights alone are placed in the architecture of `--model`."""
    source, options = plan.source, plan.options
    at_address = not source.local or is_address(options.model or "")
    if plan.runs and not at_address and not options.static:
        get_worker().begin(source, options)
    file.begin(plan.known)

    def start() -> LiveModel:
        with brought(source, options) as (local, given):
            get_worker().open(local, given)
        return get_worker().model

    read = FileContents(file)
    backend = options.backend or chosen_backend()
    model = OpenedModel(read, None if options.static else start, read.format, backend, read)
    if options.model is not None and is_weights_only(read.structure()):
        model.notes += _place(read, source, options.model, _architecture(options, get_worker))
    if kind_of_format(model.format) is Contains.ARCHITECTURE and not plan.architecture_only:
        raise FpcheckError(
            f"{source.text}: contains an architecture only, no weights",
            f"Give the file of its weights, with --model {source.text}.",
        )
    return model


def _place(read: FileContents, source: Source, model: str, architecture: Fingerprint) -> list[str]:
    """Place weights in the architecture of `--model`; notes what Keras would do otherwise."""
    whole = architecture.structure
    late, misplaced = out_of_order(read.structure(), whole), out_of_place(read.structure(), whole)
    read.place(architecture, own=True)
    filled = read.structure()
    lacking = [] if REST in filled.not_stored else misfit(filled, whole)
    if lacking:  # it was saved from another architecture, and Keras refuses it too
        raise FpcheckError(
            f"{source.text}: does not fit --model {shown(model)}: it contains no weights of "
            f"{some(lacking)}",
            "Name the architecture that it was saved from.",
        )
    derived = [f"{la.path}/{t.role}" for la in filled.layers for t in la.tensors if t.derived]
    borrowed = f"{{}}: taken from --model {shown(model)}, since no weights file contains it"
    notes = ((_FROZEN, late), (_MISPLACED, misplaced), (borrowed, derived))
    return [note.replace("{}", some(names), 1) for note, names in notes if names]


def check_whole(model: OpenedModel, plan: Plan) -> None:
    """Refuse a part of a model where the whole is asked for."""
    if REST in model.contents.structure().not_stored:
        architecture = shown(plan.options.model or "")
        raise FpcheckError(
            f"{plan.source.text}: contains a part of the weights of --model {architecture}",
            "Give the file that contains them all, or as --model the part that it was saved from.",
        )


def _architecture(options: Options, get_worker: GetWorker) -> Fingerprint:
    """The structure that `--model` names, and state that no weights file contains."""
    plain = msgspec.structs.replace(options, weights=Options().weights, model=None)
    with opening_plan(options.model, plain) as plan:
        kind, entry = plan.source.kind, None
        if kind is Kind.APPLICATION:
            entry = shipped().entry(plan.source.name)
        if entry is not None:  # nothing need be built for it
            return entry.load().fingerprint
        plan = msgspec.structs.replace(plan, architecture_only=kind is not Kind.CALLABLE)
        with open_model(plan, None if kind is Kind.FILE else get_worker()) as model:
            structure = model.contents.structure()
            if kind is Kind.APPLICATION:
                return Fingerprint(structure)
            digests = model.contents.digests()
            return Fingerprint(structure, tuple(Measurement(d, None) for d in digests))
