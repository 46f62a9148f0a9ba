"""`fpcheck diff`: two sources, or goldens, against each other."""

from typing import Annotated

import typer

from fpcheck.cli import options as opt
from fpcheck.cli.console import check_format, progress, show
from fpcheck.workflows.diff import diff_sources


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A source, or golden NAME@VERSION.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    goldens: opt.Goldens = None,
    preprocess: opt.Preprocess = "auto",
    weights: opt.Weights = "imagenet",
    seed: opt.Seed = 0,
    model: opt.ModelOption = None,
    custom_objects: opt.CustomObjects = None,
    trust: opt.Trust = False,
    static: opt.Static = False,
    backend: opt.Backend = "",
    form: opt.Format = "text",
    output: opt.Output = None,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Compare A with B; A is the reference, and nothing is stored."""
    check_format(form)
    loading = opt.loading(weights, seed, model, custom_objects, trust, static, backend)
    with progress(quiet) as step:
        report = diff_sources(first, second, goldens, preprocess or "auto", loading, step)
    show(report, form, output, quiet, verbose)
    raise typer.Exit(report.exit_code)
