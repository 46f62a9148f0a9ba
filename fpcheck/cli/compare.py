"""`fpcheck compare`: compare a model with its golden."""

import typer

from fpcheck import startup
from fpcheck.cli import options as opt


def compare(
    source: opt.SourceArg, asked: opt.Comparing, loading: opt.Loading, showing: opt.Showing
) -> None:
    """Compare SOURCE with a golden. Exit 0 match, 1 mismatch, 2 error, 3 incomplete."""
    startup.read_early(source)
    from fpcheck.cli.console import progress, show
    from fpcheck.workflows.compare import compare_source
    from fpcheck.workflows.next_commands import to_accept

    request, options = asked.request(), loading.options()
    with progress(showing.quiet) as step:
        report = compare_source(source, request, options, progress=step)
    show(report, showing, to_accept(report, request, options))
    raise typer.Exit(report.exit_code)
