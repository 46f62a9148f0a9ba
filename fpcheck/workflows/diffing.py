"""Diff: two sources or goldens against each other; nothing is stored."""

from pathlib import Path

from fpcheck.errors import FpcheckError
from fpcheck.files.address import is_address
from fpcheck.golden.value import Golden
from fpcheck.model.source import Options, parse
from fpcheck.progress import Progress, silent
from fpcheck.report.value import Report
from fpcheck.workflows.choosing import find, stores
from fpcheck.workflows.comparing import Request as CompareRequest
from fpcheck.workflows.comparing import compare_with
from fpcheck.workflows.judging import compare_goldens, reference
from fpcheck.workflows.recording import Request, unstored


def diff_sources(
    first: object,
    second: object,
    goldens: str | Path | None,
    preprocess: str,
    options: Options,
    progress: Progress = silent,
) -> Report:
    """Compare two; the first is the reference. `NAME@VERSION` names a golden, all else a source."""
    request = Request(goldens=goldens, preprocess=preprocess)
    golden = _golden(first, goldens) or unstored(first, request, options, progress).golden
    why = "the first of the two"
    other = _golden(second, goldens)
    if other is not None:
        return compare_goldens(golden, other.fingerprint, reference(other), why)
    return compare_with(second, golden, CompareRequest(goldens=goldens), options, why, progress)


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
