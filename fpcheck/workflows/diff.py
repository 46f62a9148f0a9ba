"""Diff: two sources or goldens against each other; nothing is stored."""

import time
from pathlib import Path

import msgspec

from fpcheck.errors import FpcheckError
from fpcheck.files.address import is_address
from fpcheck.golden.golden import Golden
from fpcheck.model.source import Kind, Options, parse
from fpcheck.progress import Progress, silent
from fpcheck.report.report import CandidateRef, Report, timed
from fpcheck.workflows.candidate import proved_equal
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.evaluation import compare_goldens, content_id_text, reference, report_on
from fpcheck.workflows.golden_lookup import Choice, find, stores
from fpcheck.workflows.plan import resolve
from fpcheck.workflows.record import unstored
from fpcheck.workflows.request import CompareRequest, RecordRequest

WHY = "the first of the two"


def diff_sources(
    first: object,
    second: object,
    goldens: str | Path | None,
    preprocess: str,
    options: Options,
    progress: Progress = silent,
) -> Report:
    """Compare two; the first is the reference. `NAME@VERSION` names a golden, all else a source."""
    start = time.monotonic()
    ours, theirs = _golden(first, goldens), _golden(second, goldens)
    report = None
    if ours is None and theirs is None:
        report = _equal_files(first, second, options, progress)
    if report is None:
        request = RecordRequest(goldens=goldens, preprocess=preprocess)
        choice = _choice(first, ours or unstored(first, request, options, progress).golden)
        if theirs is not None:
            report = compare_goldens(choice, theirs.fingerprint, reference(theirs))
        else:
            asked = CompareRequest(goldens=goldens)
            report = compare_source(second, asked, options, None, progress, choice)
    return timed(report, start)


def _choice(first: object, golden: Golden) -> Choice:
    """The first of the two, as the side that is compared with."""
    given = first if golden.path is not None else resolve(first).text
    return Choice(msgspec.structs.replace(golden, first=str(given)), WHY)


def _equal_files(
    first: object, second: object, options: Options, progress: Progress
) -> Report | None:
    """The report on two files that are read and found to be equal: neither model need be run."""
    files = [resolve(source).kind is Kind.FILE for source in (first, second)]
    if options.static or options.model is not None or not all(files):
        return None
    reading = msgspec.structs.replace(options, static=True)
    request = RecordRequest(levels=("structure", "weights"))
    choice = _choice(first, unstored(first, request, reading, progress).golden)
    try:
        taken = unstored(second, request, reading, progress)
    except FpcheckError:  # weights alone, perhaps, which take the architecture of the first
        return None
    other = taken.golden
    equal = proved_equal(choice.golden.fingerprint, other.fingerprint)
    if equal is None:
        return None
    own = content_id_text(other.fingerprint)
    named = CandidateRef(other.source.text, other.source.format, own)
    return report_on(choice, equal, named, notes=taken.notes)


def _golden(source: object, goldens: str | Path | None) -> Golden | None:
    """The golden that a text names: with a version, as a YAML file, or as no other source."""
    if not isinstance(source, str) or is_address(source):
        return None
    if Path(source).exists() and not source.endswith(".yaml"):
        return None
    if source.endswith(".yaml") or "@" in source:
        return find(source, goldens).load()
    try:
        parse(source)
    except FpcheckError:
        entries = [store.entry(source) for store in stores(goldens)]
        return next((entry.load() for entry in entries if entry is not None), None)
    return None
