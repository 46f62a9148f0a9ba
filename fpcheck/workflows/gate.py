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
from fpcheck.golden.lookup import goldens_folder
from fpcheck.golden.store import Entry, Store
from fpcheck.model.source import Kind, Options, Source
from fpcheck.model.worker_client import WorkerClient
from fpcheck.progress import Progress, silent
from fpcheck.report.report import Report
from fpcheck.settings import FILE, locate
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.request import CompareRequest, check_levels

# The worst outcome decides: what could not be judged weighs more than what was judged bad.
_ORDER = (EXIT_MATCH, EXIT_INCOMPLETE, EXIT_MISMATCH, EXIT_ERROR)


class Outcome(Value, frozen=True):
    """What the gate says of one file: a report, an error, not looked at, or a sound golden.

    Attributes:
        path: the file.
        report: of a model.
        error: fact and advice.
        skipped: whether it was passed over.
        reason: why it was passed over, where that is not plain from its name.
    """

    path: Path
    report: Report | None = None
    error: str | None = None
    skipped: bool = False
    reason: str = ""

    @property
    def exit_code(self) -> int:
        """The contract's code for this file alone."""
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

    Args:
        paths: models and goldens; all others are passed over.
        goldens: the folder of goldens.
        progress: receives what is being done.
        options: how models are loaded.
        levels: those that verdicts ask for; None for all that each golden contains.
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
    stored = sorted({p.with_suffix(".yaml") for p in chosen if _in_folder(p, folder)})
    outcomes = [_check_golden(path) for path in stored]
    models = [p for p in chosen if not _in_folder(p, folder)]
    request = CompareRequest(goldens=goldens, levels=levels)
    with WorkerClient() as remote:  # one worker for all, started where outputs must be run
        for path in models:
            if located.ignores(path) or _is_other(path):
                outcomes.append(Outcome(path, skipped=True))
                continue
            outcomes.append(_check_model(path, request, remote, progress, options or Options()))
    return outcomes


def _is_other(path: Path) -> bool:
    return path.is_file() and not path.name.lower().endswith(gate_suffixes())


def _in_folder(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _check_golden(path: Path) -> Outcome:
    try:
        if not path.stem.isdecimal():
            return Outcome(path)
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
    path: Path, request: CompareRequest, remote: WorkerClient, progress: Progress, options: Options
) -> Outcome:
    try:
        report = compare_source(path, request, options, remote, progress)
    except NotAModelError as error:
        if _is_expected(path, request):
            return Outcome(path, error=str(error))
        return Outcome(path, skipped=True, reason=error.fact.removeprefix(f"{path}: "))
    except FpcheckError as error:
        return Outcome(path, error=str(error))
    return Outcome(path, report)


def _is_expected(path: Path, request: CompareRequest) -> bool:
    """Whether a model should lie there: `fpcheck.yaml` or one of the user's goldens says so."""
    if locate(Path.cwd()).of(path) is not None:
        return True
    own, place = Store(goldens_folder(request.goldens)), path.resolve()
    if own.entry(Source(str(path), Kind.FILE, PathText(place)).name) is not None:
        return True
    return any(Path(entry.head().source.text).resolve() == place for entry in own.newest())
