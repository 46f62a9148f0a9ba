"""Diff: two sources or goldens against each other; nothing is stored."""

import time
from pathlib import Path

import msgspec

from fpcheck.comparison.proof import why_not_equal
from fpcheck.comparison.verdict import LevelResult
from fpcheck.errors import FpcheckError
from fpcheck.files.address import is_address
from fpcheck.golden.golden import Golden
from fpcheck.model.source import Kind, Options, parse
from fpcheck.progress import Progress, silent
from fpcheck.report.report import CandidateRef, Report, timed
from fpcheck.workflows.comparison import compare_with
from fpcheck.workflows.evaluation import compare_goldens, reference
from fpcheck.workflows.golden_lookup import find, stores
from fpcheck.workflows.model_access import resolve
from fpcheck.workflows.record import Request, unstored
from fpcheck.workflows.request import Request as CompareRequest


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
    return timed(_diffed(first, second, goldens, preprocess, options, progress), start)


def _diffed(
    first: object,
    second: object,
    goldens: str | Path | None,
    preprocess: str,
    options: Options,
    progress: Progress,
) -> Report:
    request = Request(goldens=goldens, preprocess=preprocess)
    golden, other = _golden(first, goldens), _golden(second, goldens)
    why, given = "the first of the two", first if golden else resolve(first).text
    if golden is None and other is None:
        equal = _equal_files(first, second, request, options, why, progress)
        if equal is not None:
            return equal
    golden = golden or unstored(first, request, options, progress).golden
    golden = msgspec.structs.replace(golden, first=str(given))
    if other is not None:
        return compare_goldens(golden, other.fingerprint, reference(other), why)
    return compare_with(second, golden, CompareRequest(goldens=goldens), options, why, progress)


def _equal_files(
    first: object, second: object, request: Request, options: Options, why: str, progress: Progress
) -> Report | None:
    """The report on two files that are read and found to be equal: neither model need be run."""
    files = [resolve(source).kind is Kind.FILE for source in (first, second)]
    if options.static or options.model is not None or not all(files):
        return None
    reading = msgspec.structs.replace(options, static=True)
    request = msgspec.structs.replace(request, levels=("structure", "weights"))
    golden = unstored(first, request, reading, progress).golden
    golden = msgspec.structs.replace(golden, first=resolve(first).text)
    try:
        taken = unstored(second, request, reading, progress)
    except FpcheckError:  # weights alone, perhaps, which take the architecture of the first
        return None
    other = taken.golden
    if why_not_equal(golden.fingerprint, other.fingerprint) is not None:
        return None
    report = compare_goldens(golden, other.fingerprint, reference(other), why)
    told = CandidateRef(other.source.text, other.source.format, report.candidate.content_id)
    proved = LevelResult("proved", "same weights and configuration, no custom code")
    return msgspec.structs.replace(
        report, candidate=told, levels={**report.levels, "outputs": proved}, notes=[*taken.notes]
    )


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
