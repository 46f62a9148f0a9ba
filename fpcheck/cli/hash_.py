"""`fpcheck hash`: the content id of a model's weights."""

import typer

from fpcheck.cli import options as opt
from fpcheck.formats.model_file import begun


def hash_source(
    source: opt.SourceArg,
    weights: opt.Weights = "imagenet",
    seed: opt.Seed = 0,
    model: opt.ModelOption = None,
    custom_objects: opt.CustomObjects = None,
    trust: opt.Trust = False,
    static: opt.Static = False,
    backend: opt.Backend = "",
    debug: opt.Debug = False,
) -> None:
    """Print the content id: equal weights in equal places give an equal id."""
    with begun(source) as file:  # is read while all below is imported
        from fpcheck.cli.console import progress
        from fpcheck.workflows.hash_ import hash_weights

        loading = opt.loading(weights, seed, model, custom_objects, trust, static, backend)
        with progress() as step:
            own = hash_weights(source, loading, step, file)
    typer.echo(own)
