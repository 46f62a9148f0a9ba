"""Opening a source as a session, wherever it is best run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import digest, probes
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import Structure
from fpcheck.model.applications import APPLICATIONS
from fpcheck.model.remote import RemoteSession
from fpcheck.model.session import Session
from fpcheck.model.source import Kind, Options, Source, parse
from fpcheck.workflows import data

AUTO = "auto"


def resolve(source: object) -> Source:
    """A source as given through the API or the command line.

    Args:
        source: a name, a path, `package.module:function`, or a `keras.Model`.
    """
    if isinstance(source, str | os.PathLike):
        return parse(os.fspath(source))
    name = str(getattr(source, "name", "model"))
    return Source(f"<{type(source).__name__} '{name}'>", Kind.MEMORY, name)


@contextmanager
def opened(
    source: object, parsed: Source, options: Options, remote: RemoteSession | None = None,
    architecture_only: bool = False,
) -> Iterator[Session]:  # fmt: skip
    """A session on a source: in this process for a model in memory, else in a worker.

    Args:
        source: as given.
        parsed: the same, resolved.
        options: how to load it.
        remote: a running worker to use, which then stays open.
        architecture_only: an application without any weights.
    """
    if parsed.kind is not Kind.APPLICATION and options.weights != Options().weights:
        raise FpcheckError(
            f"--weights {options.weights}: {parsed.text} is no model of keras.applications",
            "Name a weights file as the source, and its architecture with --model.",
        )
    if parsed.kind is Kind.MEMORY:
        yield _in_memory(source)
        return
    worker = remote or RemoteSession()
    try:
        worker.open(parsed, options, architecture_only)
        yield worker
    finally:
        if remote is None:
            worker.close()


def is_bare(source: Source, options: Options) -> bool:
    """Whether the structure can be had without weights: an application and no file of weights."""
    return source.kind is Kind.APPLICATION and options.weights in ("imagenet", "random")


def _in_memory(source: Any) -> Session:
    import keras

    from fpcheck.model.keras_session import KerasSession

    if not isinstance(source, keras.Model):
        raise FpcheckError(
            f"a {type(source).__name__} is no source",
            "Give a keras.Model, a path, an application's name, or package.module:function.",
        )
    return KerasSession(source, "memory")


def source_digest(source: Source) -> str | None:
    """The digest of a source's file; None where it is no file."""
    return digest.of_file(Path(source.target)) if source.kind is Kind.FILE else None


def own_preprocess(source: Source, options: Options) -> str:
    """What `auto` means: the application's own preprocessing, and none for all other sources."""
    named = source
    if source.kind is Kind.FILE and options.model is not None:
        named = parse(options.model)
    return APPLICATIONS[named.target] if named.kind is Kind.APPLICATION else "none"


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
    return probes.given(data.probe_arrays(Path(asked), structure), structure)
