"""A comparison whose model is opened: read, run where that is needed, measured and judged."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from fpcheck.codec import Value
from fpcheck.comparison.proof import lacks_only_state, why_not_proved
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.comparison.verdict import LevelResult
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.fingerprint.structure import REST, Structure
from fpcheck.formats.model_file import ModelFile
from fpcheck.golden.golden import Golden
from fpcheck.layout.placement import is_weights_only
from fpcheck.layout.storage_gaps import says_less
from fpcheck.model.environment import environment
from fpcheck.model.file_session import FileSession
from fpcheck.model.session import OutputPlan, Session
from fpcheck.model.source import Kind, Options, Source
from fpcheck.progress import Progress, silent
from fpcheck.report.report import CandidateRef, Report
from fpcheck.workflows.evaluation import content_id_text, report_on
from fpcheck.workflows.golden_lookup import by_name
from fpcheck.workflows.golden_search import matched
from fpcheck.workflows.model_access import is_bare, opened, resolve
from fpcheck.workflows.request import (
    Request,
    asked_preprocess,
    check_levels,
    code_notes,
    configured,
    official_notes,
    proving,
    skipped,
)

if TYPE_CHECKING:
    from fpcheck.model.worker_client import RemoteSession


# A candidate's fingerprint, and how each level stands before findings are known.
Taken = tuple[Fingerprint, dict[Level, LevelResult]]


class Compared(Value, frozen=True, eq=False):
    """A finished comparison whose model is still open."""

    report: Report
    session: Session
    structure: Structure
    golden: Golden


@contextmanager
def compared(
    source: object,
    request: Request,
    options: Options,
    remote: "RemoteSession | None" = None,
    progress: Progress = silent,
    begun: ModelFile | None = None,
) -> Iterator[Compared]:
    """Compare, and keep the model open for more."""
    check_levels(request.levels)
    parsed = resolve(source)
    request, options, why = configured(parsed, request, options)
    choice = by_name(parsed, request.golden, request.goldens)
    golden = choice.entry.load() if choice else None
    bare = is_bare(parsed, options) and _structure_only(golden, request)
    progress(f"loading {parsed.text}")
    known = _digests(golden) if golden else None
    runs = golden is not None and _runs(parsed, golden, request, options)
    with opened(source, parsed, options, remote, bare, known, runs, begun, parts=True) as session:
        structure = session.structure()
        choice = choice or matched(parsed, request, options, structure)
        golden = _tolerant(golden or choice.entry.load(), request.tolerance)
        preprocess = _preprocess(parsed, golden, request, options)
        taken = take(session, structure, golden, request, preprocess, progress)
        notes = [*session.notes, *official_notes(parsed, choice.entry)]
        report = _report(parsed, session, golden, taken, request, why or choice.why, notes)
        yield Compared(report, session, structure, golden)


def compare_with(
    source: object,
    golden: Golden,
    request: Request,
    options: Options,
    why: str,
    progress: Progress = silent,
) -> Report:
    """Compare a source with a golden that is at hand."""
    parsed = resolve(source)
    progress(f"loading {parsed.text}")
    with opened(source, parsed, options, known=_digests(golden), parts=True) as session:
        preprocess = _preprocess(parsed, golden, request, options)
        structure = session.structure()
        taken = take(session, structure, golden, request, preprocess, progress)
        return _report(parsed, session, golden, taken, request, why, session.notes)


def _report(
    source: Source, session: Session, golden: Golden, taken: Taken, request: Request,
    why: str, notes: list[str],
) -> Report:  # fmt: skip
    candidate, levels = taken
    named = CandidateRef(source.text, session.format, content_id_text(candidate))
    if source.kind is Kind.FILE:
        notes = [*notes, *code_notes(candidate.structure.custom_classes, levels["outputs"])]
    return report_on(
        golden, candidate, levels, asked=request.levels, why=why, named=named, notes=notes,
        session=session, goldens=request.goldens,
    )  # fmt: skip


def _runs(source: Source, golden: Golden, request: Request, options: Options) -> bool:
    """Whether it is sure beforehand that outputs are asked for and cannot be proved."""
    outputs = golden.fingerprint.outputs
    if outputs is None or (request.levels is not None and "outputs" not in request.levels):
        return False
    if request.full or golden.fingerprint.structure.custom_code:
        return True
    preprocess = _preprocess(source, golden, request, options)
    return outputs.preprocess != preprocess or outputs.environment != environment(options.backend)


def _digests(golden: Golden) -> frozenset[bytes] | None:
    """Digests whose tensors need no details; None where the golden asks for none at all."""
    weights = golden.fingerprint.weights
    return None if weights is None else frozenset(m.digest for m in weights)


def take(
    session: Session,
    structure: Structure,
    golden: Golden,
    request: Request,
    preprocess: str,
    progress: Progress = silent,
) -> Taken:
    """Measure of a candidate what the golden holds and the verdict asks for.

    Returns:
        The candidate's fingerprint, and how each level stands before findings are known: `pass`
        for those that were taken.
    """
    held, asked = golden.fingerprint, request.levels
    if is_weights_only(structure) and isinstance(session, FileSession):
        session.place(Fingerprint(held.structure), held.weights or ())
        structure = session.structure()
    untold = LevelResult("skipped", NO_ARCHITECTURE) if is_weights_only(structure) else None
    levels: dict[Level, LevelResult] = {"structure": untold or LevelResult("pass")}
    candidate = Fingerprint(structure)
    levels["weights"] = skipped("weights", held.levels, asked) or LevelResult("pass")
    if levels["weights"].status == "pass":
        progress("measuring weights")
        weights = session.weights(_digests(golden) or frozenset())
        candidate = _with_state(session, held, Fingerprint(session.structure(), weights))
    levels["outputs"] = skipped("outputs", held.levels, asked) or LevelResult("pass")
    if levels["outputs"].status != "pass" or held.outputs is None:
        return candidate, levels
    static = isinstance(session, FileSession) and session.static
    place, told = proving(held.outputs.environment, environment(session.backend), static)
    unproved = why_not_proved(held, candidate, place, preprocess)
    if unproved is None and not request.full:
        levels["outputs"] = LevelResult("proved", told)
        return candidate, levels
    if REST in candidate.structure.untold:
        untold = LevelResult("skipped", "the file holds a part of the model")
    if untold is not None:
        levels["outputs"] = untold
        return candidate, levels
    progress("running the model on its probes")
    try:
        outputs = session.outputs(OutputPlan(held.outputs.probes, preprocess))
    except UnavailableError as error:
        why = f"; not proved: {unproved}" if unproved else ""
        levels["outputs"] = LevelResult("skipped", error.fact + why)
        return candidate, levels
    if isinstance(session, FileSession) and says_less(candidate.structure):
        whole = session.completed()
        candidate = whole if candidate.weights else Fingerprint(whole.structure)
    return msgspec.structs.replace(candidate, outputs=outputs), levels


def _with_state(session: Session, golden: Fingerprint, candidate: Fingerprint) -> Fingerprint:
    """With state that the file does not tell, where that alone is missing and the model loads."""
    if not isinstance(session, FileSession) or not lacks_only_state(golden, candidate):
        return candidate
    with suppress(FpcheckError):  # then the report says that it was not compared
        return session.completed()
    return candidate


# Why levels are skipped for a file of weights alone.
NO_ARCHITECTURE = "the file holds weights only; name its architecture with --model"


def _structure_only(golden: Golden | None, request: Request) -> bool:
    wanted = request.levels or (golden.fingerprint.levels if golden else LEVELS)
    return set(wanted) == {"structure"}


def _tolerant(golden: Golden, asked: str | None) -> Golden:
    if asked is None:
        return golden
    return msgspec.structs.replace(golden, tolerances=Tolerances(weights=asked, outputs=asked))


def _preprocess(source: Source, golden: Golden, request: Request, options: Options) -> str:
    outputs = golden.fingerprint.outputs
    return asked_preprocess(source, outputs.preprocess if outputs else None, request, options)
