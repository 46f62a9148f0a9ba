"""`fpcheck gate`: for pre-commit and CI."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from fpcheck.cli import options as opt
from fpcheck.cli.console import following, progress, put, put_report, say
from fpcheck.files.address import shown
from fpcheck.model.source import Options
from fpcheck.report.text import clean
from fpcheck.workflows import gate as workflow


def gate(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...")] = None,
    goldens: opt.Goldens = None,
    levels: opt.Levels = None,
    static: opt.Static = False,
    backend: opt.Backend = "",
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
) -> None:
    """Check changed model files against their goldens, and changed goldens for integrity."""
    options = Options(static=static, backend=backend)
    with progress(quiet) as step:
        outcomes = workflow.gate(files or [], goldens, step, options, opt.split_levels(levels))
    for outcome in outcomes:
        _show(outcome, quiet, verbose)
    raise typer.Exit(workflow.exit_code(outcomes))


def _show(outcome: workflow.Outcome, quiet: bool, verbose: bool) -> None:
    if outcome.error is not None:
        put(Text(f"✗ error  {clean(shown(str(outcome.path)))}", "bold red"))
        for line in outcome.error.splitlines():
            say(f"  {clean(line, 500)}")
    elif outcome.report is None:
        word, style = ("– not checked", "dim") if outcome.skipped else ("✓ sound", "green")
        if not quiet:
            put(Text(f"{word}  {clean(shown(str(outcome.path)))}", style))
            if outcome.reason:
                say(f"  {clean(outcome.reason, 500)}")
    elif not (quiet and outcome.report.verdict == "match"):
        less = outcome.report.verdict == "incomplete"
        put_report(outcome.report, verbose, following(outcome.report, verbose) if less else None)
