"""The gate: changed model files against their goldens, and the integrity of changed goldens."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from fpcheck.codec import Value
from fpcheck.errors import EXIT_ERROR, EXIT_INCOMPLETE, EXIT_MATCH, EXIT_MISMATCH, FpcheckError
from fpcheck.files.kinds import SUFFIXES
from fpcheck.golden.document import SEAL
from fpcheck.golden.store import Entry
from fpcheck.model.remote import RemoteSession
from fpcheck.model.source import Options
from fpcheck.progress import Progress, silent
from fpcheck.report.value import Report
from fpcheck.settings import FILE, locate
from fpcheck.workflows.choosing import goldens_folder
from fpcheck.workflows.comparing import compare_source
from fpcheck.workflows.request import Request

# The worst outcome decides: what could not be judged weighs more than what was judged bad.
_ORDER = (EXIT_MATCH, EXIT_INCOMPLETE, EXIT_MISMATCH, EXIT_ERROR)


class Outcome(Value, frozen=True):
    """What the gate says of one file: a report, an error, not looked at, or a sound golden."""

    path: Path
    report: Report | None = None
    error: str | None = None
    skipped: bool = False

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
) -> list[Outcome]:
    """Judge each file; without any, every file that `fpcheck.yaml` names."""
    located = locate(Path.cwd())
    folder = goldens_folder(goldens)
    chosen = list(paths) or located.files()
    if not chosen:
        raise FpcheckError(
            f"nothing to check: no files given, and {FILE} names none that exist",
            f"Name files, or map them in {FILE}: models: {{PATTERN: {{golden: NAME}}}}.",
        )
    stored = sorted({p.with_suffix(".yaml") for p in chosen if _in_folder(p, folder)})
    outcomes = [_check_golden(path) for path in stored]
    models = [p for p in chosen if not _in_folder(p, folder)]
    with RemoteSession() as remote:  # one worker for all, started where outputs must be run
        for path in models:
            if located.ignores(path) or _is_other(path):
                outcomes.append(Outcome(path, skipped=True))
                continue
            outcomes.append(_check_model(path, goldens, remote, progress, options or Options()))
    return outcomes


def _is_other(path: Path) -> bool:
    return path.is_file() and not path.name.lower().endswith(SUFFIXES)


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
    path: Path,
    goldens: str | Path | None,
    remote: RemoteSession,
    progress: Progress,
    options: Options,
) -> Outcome:
    try:
        report = compare_source(path, Request(goldens=goldens), options, remote, progress)
    except FpcheckError as error:
        return Outcome(path, error=str(error))
    return Outcome(path, report)
