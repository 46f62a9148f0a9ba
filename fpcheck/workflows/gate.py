"""The gate: changed model files against their goldens, and the integrity of changed goldens."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from fpcheck.codec import PathText, Value
from fpcheck.errors import (
    EXIT_ERROR,
    EXIT_INCOMPLETE,
    EXIT_MATCH,
    EXIT_MISMATCH,
    FpcheckError,
    NotAModelError,
)
from fpcheck.formats import gate_suffixes
from fpcheck.golden.document import SEAL
from fpcheck.golden.store import Entry, Store, goldens_folder
from fpcheck.model.source import Kind, Options, Source
from fpcheck.model.worker_client import WorkerClient
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report
from fpcheck.settings import FILE, locate
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, check_levels

# The worst outcome decides: what could not be judged weighs more than what was judged bad.
_ORDER = (EXIT_MATCH, EXIT_INCOMPLETE, EXIT_MISMATCH, EXIT_ERROR)


class Outcome(Value, frozen=True):
    """What the gate says of one file: a report, an error, not looked at, or a sound golden.

    `reason` says why it was not looked at (`skipped`), where that is not plain from its name.
    """

    path: Path
    report: Report | None = None
    error: str | None = None
    skipped: bool = False
    reason: str = ""

    @property
    def exit_code(self) -> int:
        """The exit code for this file alone: 0 match, 1 mismatch, 2 error, 3 incomplete."""
        if self.error is not None:
            return EXIT_ERROR
        return self.report.exit_code if self.report else EXIT_MATCH


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """The code for all files together."""
    return max((o.exit_code for o in outcomes), key=_ORDER.index, default=EXIT_MATCH)


def gate(
    paths: Sequence[Path],
    goldens: str | Path | None = None,
    progress: Progress = silent,
    options: Options | None = None,
    levels: tuple[str, ...] | None = None,
) -> list[Outcome]:
    """Compare each file; without any, every file that `fpcheck.yaml` names.

    Of `paths`, all that are neither models nor goldens are passed over.
    """
    check_levels(levels)
    located = locate(Path.cwd())
    folder = goldens_folder(goldens)
    chosen = list(paths) or located.files()
    if not chosen:
        raise FpcheckError(
            f"nothing to check: no files given, and {FILE} names no existing file",
            f"Name files, or map them in {FILE}: models: {{PATTERN: {{golden: NAME}}}}.",
        )
    inside = {path for path in chosen if path.resolve().is_relative_to(folder.resolve())}
    outcomes = [_check_golden(path) for path in sorted({p.with_suffix(".yaml") for p in inside})]
    request = CompareRequest(goldens=goldens, levels=levels)
    with WorkerClient() as worker:  # one worker for all, started where outputs must be run
        how = options or Options(), worker, progress
        for path in (path for path in chosen if path not in inside):
            other = path.is_file() and not path.name.lower().endswith(gate_suffixes())
            if other or located.ignores(path):
                outcomes.append(Outcome(path, skipped=True))
            else:
                outcomes.append(_check_model(path, request, *how))
    return outcomes


def _check_golden(path: Path) -> Outcome:
    try:
        if path.stem.isdecimal():
            Entry(path).load()
            _check_rewritten(path)
    except FpcheckError as error:
        return Outcome(path, error=str(error))
    return Outcome(path)


def _check_rewritten(path: Path) -> None:
    """A committed version must stay as it is below its seal."""
    shown = subprocess.run(
        ["git", "show", f"HEAD:./{path.name}"], cwd=path.parent, capture_output=True, check=False
    )
    if shown.returncode != 0:
        return
    before, now = shown.stdout.decode(errors="replace"), path.read_text(encoding="utf-8")
    if before.partition(SEAL)[2] != now.partition(SEAL)[2]:
        raise FpcheckError(
            f"{path}: a stored version was rewritten",
            f"Restore it (git checkout HEAD -- {path}) and record a new version.",
        )


def _check_model(
    path: Path, request: CompareRequest, options: Options, worker: WorkerClient, progress: Progress
) -> Outcome:
    try:
        return Outcome(path, compare_source(path, request, options, worker, progress))
    except NotAModelError as error:
        if _is_expected(path, request):
            return Outcome(path, error=str(error))
        return Outcome(path, skipped=True, reason=error.fact.removeprefix(f"{path}: "))
    except FpcheckError as error:
        return Outcome(path, error=str(error))


def _is_expected(path: Path, request: CompareRequest) -> bool:
    """Whether a model should lie there: `fpcheck.yaml` or one of the user's goldens says so."""
    if locate(Path.cwd()).of(path) is not None:
        return True
    own, place = Store(goldens_folder(request.goldens)), path.resolve()
    if own.entry(Source(str(path), Kind.FILE, PathText(place)).name) is not None:
        return True
    return any(Path(entry.head().source.text).resolve() == place for entry in own.newest())
