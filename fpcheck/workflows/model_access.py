"""Opening a source as a session, wherever it is best run."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fpcheck.codec import PathText
from fpcheck.errors import FpcheckError
from fpcheck.files.address import is_address, shown
from fpcheck.fingerprint import probes
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import REST, Structure
from fpcheck.formats import contents_of
from fpcheck.formats.format import Contains
from fpcheck.formats.model_file import ModelFile
from fpcheck.golden.store import shipped
from fpcheck.layout.layer_matching import out_of_order, out_of_place
from fpcheck.layout.placement import is_weights_only, misfit
from fpcheck.model.environment import chosen_backend
from fpcheck.model.file_session import FileSession
from fpcheck.model.session import Session
from fpcheck.model.source import Kind, Options, Source, parse

if TYPE_CHECKING:  # reading a file needs no worker
    from fpcheck.model.worker_client import RemoteSession


def resolve(source: object) -> Source:
    """A source as given through the API or the command line.

    Args:
        source: a name, a path, `package.module:function`, or a `keras.Model`.
    """
    if isinstance(source, str | os.PathLike):
        return parse(os.fspath(source))
    name = str(getattr(source, "name", "model"))
    return Source(f"<{type(source).__name__} '{name}'>", Kind.MEMORY, PathText(name))


@contextmanager
def opened(
    source: object, parsed: Source, options: Options, remote: "RemoteSession | None" = None,
    architecture_only: bool = False, known: frozenset[bytes] | None = None, runs: bool = False,
    begun: ModelFile | None = None, parts: bool = False,
) -> Iterator[Session]:  # fmt: skip
    """A session on a source: in this process for a model in memory, read for a file, else a worker.

    Args:
        source: as given.
        parsed: the same, resolved.
        options: how to load it.
        remote: a worker to use where one is needed, which then stays open.
        architecture_only: weights are not asked for: an application is built without any, and a
            file may be without.
        known: digests whose tensors need no details.
        runs: a file's model is going to be run: it is loaded while the file is read.
        begun: the file, if it is being read already; stays open.
        parts: whether a file may hold a part of the architecture's weights.
    """
    _check_options(parsed, options)
    if parsed.kind is Kind.MEMORY:
        yield _in_memory(source, options)
        return
    with closing(_Workers(remote)) as workers:
        if parsed.kind is not Kind.FILE:
            with brought(parsed, options) as (local, given):
                bare = architecture_only and parsed.kind is Kind.APPLICATION
                workers.one().open(local, given, bare)
            yield workers.one()
            return
        if runs and parsed.local and not options.static and not is_address(options.model or ""):
            workers.one().begin(parsed, options)
        file = begun or ModelFile(parsed.target, parsed.text, known)
        with nullcontext() if begun else closing(file):
            session = _from_file(file, parsed, options, workers)
            bare = contents_of(session.format) is Contains.ARCHITECTURE
            if bare and not architecture_only:
                raise FpcheckError(
                    f"{parsed.text}: holds an architecture only, no weights",
                    f"Give the file of its weights, with --model {parsed.text}.",
                )
            if not parts:
                _check_whole(session, parsed, options)
            yield session


class _Workers:
    """At most one worker: the one that was lent, or one that is made when it is needed."""

    def __init__(self, lent: "RemoteSession | None") -> None:
        self._lent = lent
        self._own: RemoteSession | None = None

    def one(self) -> "RemoteSession":
        """The worker."""
        if self._lent is None and self._own is None:
            from fpcheck.model.worker_client import RemoteSession

            self._own = RemoteSession()
        worker = self._lent or self._own
        assert worker is not None
        return worker

    def close(self) -> None:
        """End it, unless it was lent."""
        if self._own is not None:
            self._own.close()


def _check_options(parsed: Source, options: Options) -> None:
    if parsed.kind is not Kind.APPLICATION and options.weights != Options().weights:
        raise FpcheckError(
            f"--weights {shown(options.weights)}: {parsed.text} is no model of keras.applications",
            "Name a weights file as the source, and its architecture with --model.",
        )
    if options.static and parsed.kind is not Kind.FILE:
        raise FpcheckError(
            f"--static: {parsed.text} is no file, so it cannot be had without the framework",
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


def _from_file(file: ModelFile, parsed: Source, options: Options, workers: _Workers) -> FileSession:
    """What is read of a file; weights alone are placed in the architecture of `--model`."""

    def run() -> "RemoteSession":
        with brought(parsed, options) as (local, given):
            workers.one().open(local, given)
        return workers.one()

    backend = options.backend or chosen_backend()
    session = FileSession(file, None if options.static else run, backend)
    if options.model is not None and is_weights_only(session.structure()):
        architecture = _architecture(options, workers)
        late = out_of_order(session.structure(), architecture.structure)
        misplaced = out_of_place(session.structure(), architecture.structure)
        session.place(architecture, own=True)
        session.notes += [_frozen(late)] if late else []
        session.notes += [_misplaced(misplaced)] if misplaced else []
        session.notes += _borrowed(session.structure(), options.model)
        if REST not in session.structure().untold:
            _check_fit(parsed, options.model, misfit(session.structure(), architecture.structure))
    return session


def _borrowed(structure: Structure, model: str) -> list[str]:
    """That state which no weights file contains is that of the architecture's source."""
    from fpcheck.diagnosis.evidence import some

    held = [f"{la.path}/{t.role}" for la in structure.layers for t in la.tensors if t.derived]
    taken = f"{some(held)}: taken from --model {shown(model)}, since no weights file contains it"
    return [taken] if held else []


def _frozen(layers: list[str]) -> str:
    from fpcheck.diagnosis.evidence import some

    stand = "stands" if len(layers) == 1 else "stand"
    return (
        f"all tensors are there under their names, but {some(layers)} {stand} where trainable was "
        "another when the file was saved: load_weights of Keras goes by order, so set trainable as "
        "it was before you load"
    )


def _misplaced(layers: list[str]) -> str:
    from fpcheck.diagnosis.evidence import some

    stand = "stands" if len(layers) == 1 else "stand"
    return (
        f"all tensors are there under their names, but {some(layers)} {stand} in other groups than "
        "those in which load_weights of Keras looks, so it will refuse the file: save the weights "
        "again from the model that you load them into"
    )


def _check_whole(session: Session, parsed: Source, options: Options) -> None:
    """Refuse a part of a model where the whole is asked for."""
    if REST in session.structure().untold:
        raise FpcheckError(
            f"{parsed.text}: holds a part of the weights of --model {shown(options.model or '')}",
            "Give the file that holds all of them, or as --model the part that it was saved from.",
        )


def _check_fit(parsed: Source, model: str, lacking: list[str]) -> None:
    """Refuse, as Keras does, a file that was saved from another architecture than `--model`."""
    if lacking:
        from fpcheck.diagnosis.evidence import some  # and all rules, which a match needs not

        raise FpcheckError(
            f"{parsed.text}: does not fit --model {shown(model)}: it holds no weights of "
            f"{some(lacking)}",
            "Name the architecture that it was saved from.",
        )


def _architecture(options: Options, workers: _Workers) -> Fingerprint:
    """The structure that `--model` names, and state that a weight file does not hold."""
    inner = parse(options.model or "")
    if inner.kind is Kind.APPLICATION:
        entry = shipped().entry(inner.name)  # nothing need be built for it
        if entry is not None:
            return entry.load().fingerprint
    plain = msgspec.structs.replace(options, weights=Options().weights, model=None)
    remote = None if inner.kind is Kind.FILE else workers.one()
    with opened(None, inner, plain, remote, architecture_only=True) as session:
        structure = session.structure()
        if inner.kind is Kind.APPLICATION:
            return Fingerprint(structure)
        return Fingerprint(structure, tuple(Measurement(d, None) for d in session.digests()))


def is_bare(source: Source, options: Options) -> bool:
    """Whether the structure can be had without weights: an application and no file of weights."""
    return source.kind is Kind.APPLICATION and options.weights in ("imagenet", "random")


def _in_memory(source: Any, options: Options) -> Session:
    import keras

    from fpcheck.model.keras_session import KerasSession

    if not isinstance(source, keras.Model):
        raise FpcheckError(
            f"a {type(source).__name__} is no source",
            "Give a keras.Model, a path, an application's name, or package.module:function.",
        )
    session = KerasSession(source, "memory")
    if options.backend not in ("", session.backend):
        raise FpcheckError(
            f"--backend {options.backend}: the model in memory runs on {session.backend}",
            "Leave the backend out, or save the model and give the file.",
        )
    return session


def chosen_probes(
    asked: str | None, session: Session, structure: Structure, preprocess: str
) -> Probes:
    """The probes that `--probes` names: how many, or a file or folder that holds them."""
    if asked is not None and asked.isdecimal() and int(asked) == 0:
        raise FpcheckError("--probes 0: no probes show nothing", "Leave out: --levels LIST.")
    if asked is None or asked.isdecimal():
        return probes.fit(
            structure, int(asked or probes.COUNT), session.words(), raw_pixels=preprocess != "none"
        )
    from fpcheck.workflows import labelled_data

    return probes.given(labelled_data.probe_arrays(Path(asked), structure), structure)
