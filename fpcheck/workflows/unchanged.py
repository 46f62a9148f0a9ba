"""A file that is byte for byte the recorded one: equal without being parsed, as fast as hashing.

What this module says of a file is what comparing it would say, but sooner. Where bytes alone do not
decide, or might not, it says nothing: a file of other bytes may still hold an equal model.
"""

from contextlib import closing
from typing import TYPE_CHECKING

from fpcheck.comparison.tolerance import TOLERANCES
from fpcheck.comparison.verdict import LevelResult, verdict
from fpcheck.fingerprint.levels import LEVELS, Level
from fpcheck.formats import contents_of
from fpcheck.formats.format import Contains
from fpcheck.formats.model_file import ModelFile
from fpcheck.model.environment import environment
from fpcheck.model.source import Options, Source, parse
from fpcheck.report.report import CandidateRef, GoldenRef, Report
from fpcheck.workflows.golden_lookup import by_name
from fpcheck.workflows.request import (
    Request,
    asked_preprocess,
    code_notes,
    configured,
    official_notes,
    proving,
    skipped,
)

if TYPE_CHECKING:
    from fpcheck.golden.document import Head


def unchanged(text: str, request: Request, options: Options) -> Report | None:
    """The report on a file whose bytes are the recorded ones; None on all else.

    Args:
        text: the source as given.
        request: what is asked.
        options: how it would be loaded.

    Raises:
        FpcheckError: no such source or golden, or a damaged one.
    """
    source = parse(text)
    request, options, why = configured(source, request, options)
    if not source.local or not _is_plain(request, options):
        return None
    choice = by_name(source, request.golden, request.goldens)
    if choice is None:
        return None
    editable, head = choice.entry.document()
    levels = _levels(source, head, request, options)
    if levels is None or not _has_bytes_of(source, head):
        return None
    choice.entry.check_arrays(head)
    measured = levels["weights"].status == "pass"
    return Report(
        verdict=verdict(levels, head.levels, request.levels),
        golden=GoldenRef(
            head.name, head.version, head.content_id, why or choice.why, editable.note
        ),
        candidate=CandidateRef(
            source.text, head.source.format, head.content_id if measured else None
        ),
        levels=levels,
        first_divergent_layer=None,
        findings=[],
        diagnoses=[],
        notes=[
            *head.source.notes,
            *official_notes(source, choice.entry),
            *code_notes(head.model.get("custom", []), levels["outputs"]),
        ],
        accuracy=None,
    )


def _is_plain(request: Request, options: Options) -> bool:
    """Whether nothing is asked for that must be refused, or that takes the model itself."""
    return (
        not request.full
        and (request.levels is None or (bool(request.levels) and {*request.levels} <= {*LEVELS}))
        and (request.tolerance is None or request.tolerance in TOLERANCES)
        and (options.model, options.weights) == (None, Options().weights)
    )


def _levels(
    source: Source, head: "Head", request: Request, options: Options
) -> dict[Level, LevelResult] | None:
    """How each level ends if the bytes are equal; None if the model must be run to know."""
    levels = {
        level: skipped(level, head.levels, request.levels) or LevelResult("pass")
        for level in LEVELS
    }
    if head.model.get("untold"):  # then bytes do not tell all
        return None
    if levels["outputs"].status != "pass":
        return levels
    recorded, taken_in = head.model["preprocess"], head.provenance.environment
    place, told = proving(taken_in, environment(options.backend), options.static)
    proved = (
        head.model.get("provable") is True
        and levels["weights"].status == "pass"
        and asked_preprocess(source, recorded, request, options) == recorded
        and place == taken_in
    )
    return {**levels, "outputs": LevelResult("proved", told)} if proved else None


def _has_bytes_of(source: Source, head: "Head") -> bool:
    """Whether a file is byte for byte the one that a golden was recorded from."""
    recorded = head.source
    # The bytes of a whole model say everything.
    if contents_of(recorded.format) is not Contains.MODEL or recorded.size is None:
        return False
    with closing(ModelFile(source.target, source.text)) as file:
        return file.size == recorded.size and file.whole().digest == recorded.digest
