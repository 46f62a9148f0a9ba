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
from fpcheck.fingerprint.structure import REST, Structure
from fpcheck.formats import contents_of
from fpcheck.formats.format import Contains
from fpcheck.formats.model_file import ModelFile
from fpcheck.golden.store import shipped
from fpcheck.layout.layer_matching import out_of_order, out_of_place
from fpcheck.layout.placement import is_weights_only, misfit
from fpcheck.model.environment import chosen_backend
from fpcheck.model.opened_model import FileContents, OpenedModel
from fpcheck.model.questions import LiveModel
from fpcheck.model.source import Kind, Options, Source, parse
from fpcheck.wording import some
from fpcheck.workflows.plan import Plan, file_of

if TYPE_CHECKING:
    from fpcheck.model.worker_client import WorkerClient

Worker = Callable[[], "WorkerClient"]
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
def opened(plan: Plan, remote: "WorkerClient | None" = None) -> Iterator[OpenedModel]:
    """An open model: in this process for a model in memory, read for a file, else in a worker.

    Args:
        plan: how to open it.
        remote: a worker to use where one is needed, which then stays open.
    """
    _check_options(plan.source, plan.options)
    if plan.source.kind is Kind.MEMORY:
        yield _in_memory(plan.given, plan.options)
        return
    with _worker(remote) as worker:
        yield _in_worker(plan, worker()) if plan.file is None else _read(plan, plan.file, worker)


def _in_worker(plan: Plan, worker: "WorkerClient") -> OpenedModel:
    bare = plan.bare and plan.source.kind is Kind.APPLICATION
    with brought(plan.source, plan.options) as (local, given):
        worker.open(local, given, bare)
    return OpenedModel(worker.model, lambda: worker.model, worker.format, worker.backend)


def _read(plan: Plan, file: ModelFile, worker: Worker) -> OpenedModel:
    source, options = plan.source, plan.options
    remote = not source.local or is_address(options.model or "")
    if plan.runs and not remote and not options.static:
        worker().begin(source, options)
    file.begin(plan.known)
    model = _from_file(file, source, options, worker)
    if contents_of(model.format) is Contains.ARCHITECTURE and not plan.bare:
        raise FpcheckError(
            f"{source.text}: contains an architecture only, no weights",
            f"Give the file of its weights, with --model {source.text}.",
        )
    if not plan.parts:
        _check_whole(model.contents.structure(), source, options)
    return model


@contextmanager
def _worker(lent: "WorkerClient | None") -> Iterator[Worker]:
    """Gives the worker: the one that was lent, or one that is made when it is first asked for."""
    with ExitStack() as own:

        @cache
        def worker() -> "WorkerClient":
            if lent is not None:
                return lent
            from fpcheck.model.worker_client import WorkerClient  # reading a file needs none

            return own.enter_context(WorkerClient())

        yield worker


def _check_options(parsed: Source, options: Options) -> None:
    if parsed.kind is not Kind.APPLICATION and options.weights != Options().weights:
        raise FpcheckError(
            f"--weights {shown(options.weights)}: {parsed.text} is not a model of "
            "keras.applications",
            "Name a weights file as the source, and its architecture with --model.",
        )
    if options.static and parsed.kind is not Kind.FILE:
        raise FpcheckError(
            f"--static: {parsed.text} is not a file, and --static can only read files",
            "Give a model file, or leave out --static.",
        )


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


def _from_file(file: ModelFile, parsed: Source, options: Options, worker: Worker) -> OpenedModel:
    """What is read of a file; weights alone are placed in the architecture of `--model`."""

    def start() -> LiveModel:
        with brought(parsed, options) as (local, given):
            worker().open(local, given)
        return worker().model

    read = FileContents(file)
    backend = options.backend or chosen_backend()
    model = OpenedModel(read, None if options.static else start, read.format, backend, read)
    if options.model is not None and is_weights_only(read.structure()):
        architecture = _architecture(options, worker)
        late = out_of_order(read.structure(), architecture.structure)
        misplaced = out_of_place(read.structure(), architecture.structure)
        read.place(architecture, own=True)
        model.notes += [_FROZEN.format(some(late))] if late else []
        model.notes += [_MISPLACED.format(some(misplaced))] if misplaced else []
        model.notes += _borrowed(read.structure(), options.model)
        if REST not in read.structure().not_stored:
            _check_fit(parsed, options.model, misfit(read.structure(), architecture.structure))
    return model


def _borrowed(structure: Structure, model: str) -> list[str]:
    """That state which no weights file contains is that of the architecture's source."""
    held = [f"{la.path}/{t.role}" for la in structure.layers for t in la.tensors if t.derived]
    taken = f"{some(held)}: taken from --model {shown(model)}, since no weights file contains it"
    return [taken] if held else []


def _check_whole(structure: Structure, parsed: Source, options: Options) -> None:
    """Refuse a part of a model where the whole is asked for."""
    if REST in structure.not_stored:
        model = shown(options.model or "")
        raise FpcheckError(
            f"{parsed.text}: contains a part of the weights of --model {model}",
            "Give the file that contains them all, or as --model the part that it was saved from.",
        )


def _check_fit(parsed: Source, model: str, lacking: list[str]) -> None:
    """Refuse, as Keras does, a file that was saved from another architecture than `--model`."""
    if lacking:
        raise FpcheckError(
            f"{parsed.text}: does not fit --model {shown(model)}: it contains no weights of "
            f"{some(lacking)}",
            "Name the architecture that it was saved from.",
        )


def _architecture(options: Options, worker: Worker) -> Fingerprint:
    """The structure that `--model` names, and state that no weights file contains."""
    inner = parse(options.model or "")
    if inner.kind is Kind.APPLICATION:
        entry = shipped().entry(inner.name)  # nothing need be built for it
        if entry is not None:
            return entry.load().fingerprint
    plain = msgspec.structs.replace(options, weights=Options().weights, model=None)
    remote = None if inner.kind is Kind.FILE else worker()
    with file_of(inner) as file:
        plan = Plan(given=None, source=inner, options=plain, file=file, bare=True)
        with opened(plan, remote) as model:
            structure = model.contents.structure()
            if inner.kind is Kind.APPLICATION:
                return Fingerprint(structure)
            digests = model.contents.digests()
            return Fingerprint(structure, tuple(Measurement(d, None) for d in digests))


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
