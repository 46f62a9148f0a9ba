"""`fpcheck validate`: accuracy on labelled data against what the golden recorded."""

from pathlib import Path
from typing import Annotated

import typer

from fpcheck.cli import options as opt
from fpcheck.cli.console import progress, show
from fpcheck.workflows.next_commands import to_accept
from fpcheck.workflows.validate import validate_source


def validate(
    source: opt.SourceArg,
    data: Annotated[Path, typer.Option(metavar="PATH", help="An .npz, or a folder per class.")],
    asked: Annotated[opt.Comparing, opt.Without({"full", "tolerance"})],
    loading: Annotated[opt.Loading, opt.Without({"static"})],
    showing: opt.Showing,
) -> None:
    """Predict labelled data with SOURCE and compare with the golden, example by example."""
    request, options = asked.request(), loading.options()
    with progress(showing.quiet) as step:
        report = validate_source(source, data, request, options, progress=step)
    show(report, showing, to_accept(report, request, options, data))
    raise typer.Exit(report.exit_code)
