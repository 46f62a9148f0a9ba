"""`fpcheck hash`: the content id of a model's weights."""

import typer

from fpcheck import startup
from fpcheck.cli import options as opt


def hash_source(source: opt.SourceArg, loading: opt.Loading) -> None:
    """Print the content id: equal weights in equal places give an equal id."""
    startup.read_early(source)
    from fpcheck.cli.console import progress
    from fpcheck.workflows.hash_ import hash_weights

    with progress() as step:
        own = hash_weights(source, loading.options(), step)
    typer.echo(own)
