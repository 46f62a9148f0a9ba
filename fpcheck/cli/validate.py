"""`fpcheck validate`: accuracy on labelled data against what the golden recorded."""

from pathlib import Path
from typing import Annotated

import typer

from fpcheck.cli import options as opt
from fpcheck.cli.console import check_format, progress, show
from fpcheck.workflows.next_commands import to_accept
from fpcheck.workflows.request import Request
from fpcheck.workflows.validate import validate_source


def validate(
    source: opt.SourceArg,
    data: Annotated[Path, typer.Option(metavar="PATH", help="An .npz, or a folder a class.")],
    golden: opt.GoldenOption = None,
    goldens: opt.Goldens = None,
    levels: opt.Levels = None,
    preprocess: opt.Preprocess = None,
    weights: opt.Weights = "imagenet",
    seed: opt.Seed = 0,
    model: opt.ModelOption = None,
    custom_objects: opt.CustomObjects = None,
    trust: opt.Trust = False,
    backend: opt.Backend = "",
    form: opt.Format = "text",
    output: opt.Output = None,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Predict labelled data with SOURCE and compare with the golden, example by example."""
    check_format(form)
    request = Request(
        golden=golden, goldens=goldens, levels=opt.split_levels(levels), preprocess=preprocess
    )
    loading = opt.loading(weights, seed, model, custom_objects, trust, backend=backend)
    with progress(quiet) as step:
        report = validate_source(source, data, request, loading, progress=step)
    show(report, form, output, quiet, verbose, to_accept(report, request, loading, data))
    raise typer.Exit(report.exit_code)
