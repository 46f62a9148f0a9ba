"""The commands that store a compared model: what users run if the difference is wanted."""

from pathlib import Path

from fpcheck.errors import FpcheckError
from fpcheck.files.refusals import NAME_ARCHITECTURE
from fpcheck.fingerprint.levels import LEVELS
from fpcheck.formats import kind_of_format
from fpcheck.formats.format import Contains
from fpcheck.golden.document import Head
from fpcheck.golden.store import Entry, find, goldens_folder, shipped
from fpcheck.model.source import Options, parse
from fpcheck.report.report import Report
from fpcheck.wording import command, given
from fpcheck.workflows.plan import CompareRequest, settings_of, with_settings


def to_accept(
    report: Report, request: CompareRequest, options: Options, data: Path | None = None
) -> str | None:
    """How to store what differs as the golden's next version; None where nothing is to be stored.

    `data` are the labelled examples that it was judged on.
    """
    if report.verdict != "mismatch" or report.candidate.format in ("golden", "memory"):
        return None
    return to_record_next("to accept the change, record it", report, request, options, data)


def to_record_next(
    lead: str, report: Report, request: CompareRequest, options: Options, data: Path | None = None
) -> str:
    """How to record what was compared as the golden's next version; `lead` says what for."""
    source, name, own = report.candidate.source, report.golden.name, given(options)
    asked: dict[str, object] = {
        "goldens": request.goldens,
        "preprocess": request.preprocess,
        "data": data,
    }
    head: Head | None = None
    try:
        entry = find(request.golden or report.golden.label, request.goldens)
        head = entry.head()
        asked |= _place(entry, head, request, options)
    except FpcheckError:  # the golden was removed: the options alone must do
        pass
    weights_only = kind_of_format(report.candidate.format) is Contains.WEIGHTS
    if weights_only and with_settings(options, settings_of(parse(source))).model is None:
        own["model"] = _architecture(head)
        if own["model"] is None:
            return f"{lead} as {name}. {NAME_ARCHITECTURE}"
    return f"{lead}: {command('record', source, name, **asked, **own)}"


def _place(
    entry: Entry, head: Head, request: CompareRequest, options: Options
) -> dict[str, object]:
    """Where the golden lies, and its levels, as far as `record` would choose others."""
    folder = entry.path.parent.parent.resolve()
    if folder == shipped().folder.resolve():
        return {}
    found: dict[str, object] = {}
    if folder != goldens_folder(request.goldens).resolve():
        found["goldens"] = folder
    usual = LEVELS[:2] if options.static else LEVELS
    levels = tuple(level for level in head.levels if level in usual)
    return found if levels == usual else {**found, "levels": levels}


def _architecture(head: Head | None) -> str | None:
    """What a golden was recorded from, if that still is a model with an architecture."""
    if head is None or kind_of_format(head.source.format) not in (None, Contains.MODEL):
        return None
    try:
        return parse(head.source.text).text
    except FpcheckError:  # a model that was in memory, or a file that is gone
        return None
