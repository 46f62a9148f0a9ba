"""Compare a source with its golden, by no more than that takes."""

import os
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from fpcheck.files.address import shown
from fpcheck.formats.model_file import begun
from fpcheck.model.source import Options
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report, timed
from fpcheck.workflows.request import Request

if TYPE_CHECKING:
    from fpcheck.model.worker_client import RemoteSession


def compare_source(
    source: object,
    request: Request,
    options: Options,
    remote: "RemoteSession | None" = None,
    progress: Progress = silent,
) -> Report:
    """Open a source, choose its golden, compare, and diagnose.

    Args:
        source: a path, an application's name, `package.module:function`, or a `keras.Model`.
        request: what is asked.
        options: how to load it.
        remote: a worker to use where one is needed, which then stays open.
        progress: is told what is being done.

    Raises:
        FpcheckError: it cannot be compared: no such source or golden, or one that is refused.
    """
    start = time.monotonic()
    return timed(_compared(source, request, options, remote, progress), start)


def _compared(
    source: object,
    request: Request,
    options: Options,
    remote: "RemoteSession | None",
    progress: Progress,
) -> Report:
    path = os.fspath(source) if isinstance(source, str | os.PathLike) else None
    if path is not None:
        progress(f"reading {shown(path)}")
    # It is read while all below is imported.
    with nullcontext() if path is None else begun(path) as file:
        from fpcheck.workflows.comparison import compared

        with compared(source, request, options, remote, progress, file) as result:
            return result.report
