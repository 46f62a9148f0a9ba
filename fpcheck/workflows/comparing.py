"""Compare a source with its golden, by no more than that takes."""

import os
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

from fpcheck.files.address import shown
from fpcheck.files.opening import begun
from fpcheck.model.source import Options
from fpcheck.progress import Progress, silent
from fpcheck.report.value import Report
from fpcheck.workflows.request import Request
from fpcheck.workflows.unchanged import unchanged

if TYPE_CHECKING:
    from fpcheck.model.remote import RemoteSession


def compare_source(
    source: object,
    request: Request,
    options: Options,
    remote: "RemoteSession | None" = None,
    progress: Progress = silent,
) -> Report:
    """Open a source, choose its golden, compare, and diagnose."""
    file = None
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        progress(f"reading {shown(path)}")
        report = unchanged(path, request, options)
        if report is not None:
            return report
        file = begun(path)  # is read while all below is imported
    with closing(file) if file is not None else nullcontext():
        from fpcheck.workflows.compared import compared

        with compared(source, request, options, remote, progress, file) as result:
            return result.report
