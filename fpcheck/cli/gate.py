"""`fpcheck gate`: for pre-commit and CI."""

from pathlib import Path
from typing import Annotated

import typer

from fpcheck.cli import options as opt
from fpcheck.cli.console import out, progress
from fpcheck.report.text import clean, render
from fpcheck.workflows.gating import Outcome, exit_code
from fpcheck.workflows.gating import gate as run_gate


def gate(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...")] = None,
    goldens: opt.Goldens = None,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Check changed model files against their goldens, and changed goldens for integrity."""
    with progress(quiet) as step:
        outcomes = run_gate(files or [], goldens, step)
    for outcome in outcomes:
        _show(outcome, quiet, verbose)
    raise typer.Exit(exit_code(outcomes))


def _show(outcome: Outcome, quiet: bool, verbose: bool) -> None:
    console = out()
    if outcome.error is not None:
        console.print(f"[bold red]✗ error[/]  {clean(outcome.path)}")
        for line in outcome.error.splitlines():
            console.print(f"  {clean(line, 500)}", markup=False)
    elif outcome.report is None:
        if not quiet:
            console.print(f"[bold green]✓ sound[/]  {clean(outcome.path)}")
    elif not (quiet and outcome.report.verdict == "match"):
        console.print(render(outcome.report, verbose))
