"""`fpcheck diff`: two sources, or goldens, against each other."""

from typing import Annotated

import typer

from fpcheck.cli import options as opt
from fpcheck.cli.console import progress, show
from fpcheck.workflows.diff import diff_sources


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A source, or golden NAME@VERSION.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    *,
    goldens: opt.Goldens = None,
    preprocess: opt.Preprocess = "auto",
    loading: opt.Loading,
    showing: opt.Showing,
) -> None:
    """Compare A with B; A is the reference, and nothing is stored."""
    options = loading.options()
    with progress(showing.quiet) as step:
        report = diff_sources(first, second, goldens, preprocess or "auto", options, step)
    show(report, showing)
    raise typer.Exit(report.exit_code)
