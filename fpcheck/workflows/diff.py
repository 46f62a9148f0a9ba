"""Diff: two sources or goldens against each other; nothing is stored."""

import time
from pathlib import Path

from msgspec.structs import replace

from fpcheck.comparison.proof import why_not_equal
from fpcheck.comparison.verdict import LevelResult
from fpcheck.errors import FpcheckError
from fpcheck.files.address import is_address
from fpcheck.golden.golden import Golden
from fpcheck.golden.store import find, of_name
from fpcheck.model.source import Kind, Options, parse
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report, timed
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.evaluation import Candidate, LevelResults, compare_goldens, evaluate
from fpcheck.workflows.plan import Choice, CompareRequest, RecordRequest, resolve
from fpcheck.workflows.record import unstored


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
    first_golden, second_golden = _golden(first, goldens), _golden(second, goldens)
    neither = first_golden is None and second_golden is None
    report = _equal_files(first, second, options, progress) if neither else None
    if report is None:
        request = RecordRequest(goldens=goldens, preprocess=preprocess)
        choice = _choice(first, first_golden or unstored(first, request, options, progress)[0])
        if second_golden is not None:
            report = compare_goldens(choice, second_golden)
        else:
            asked = CompareRequest(goldens=goldens)
            report = compare_source(second, asked, options, None, progress, choice)
    return timed(report, start)


def _choice(first: object, golden: Golden) -> Choice:
    """The first of the two, as the side that is compared with."""
    given = first if golden.path is not None else resolve(first).text
    return Choice(golden, "the first of the two", str(given))


def _equal_files(
    first: object, second: object, options: Options, progress: Progress
) -> Report | None:
    """The report on two files that are read and found to be equal: neither model need be run."""
    files = [resolve(source).kind is Kind.FILE for source in (first, second)]
    if options.static or options.model is not None or not all(files):
        return None
    reading = replace(options, static=True)
    request = RecordRequest(levels=("structure", "weights"))
    choice = _choice(first, unstored(first, request, reading, progress)[0])
    try:
        other, notes = unstored(second, request, reading, progress)
    except FpcheckError:  # weights alone, perhaps, which take the architecture of the first
        return None
    measured = other.fingerprint
    if why_not_equal(choice.golden.fingerprint, measured) is not None:
        return None
    proved = LevelResult("proved", "same weights and configuration, no custom code")
    equal = LevelResult("pass")
    levels: LevelResults = {"structure": equal, "weights": equal, "outputs": proved}
    candidate = Candidate(other.source.text, other.source.format, measured, levels, notes)
    return evaluate(choice, candidate, CompareRequest())


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
        entry = of_name(source, goldens)
        return entry.load() if entry else None
    return None
