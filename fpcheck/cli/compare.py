"""`fpcheck compare`: compare a model with its golden."""

import typer

from fpcheck.cli import options as opt


def compare(
    source: opt.SourceArg,
    golden: opt.GoldenOption = None,
    goldens: opt.Goldens = None,
    levels: opt.Levels = None,
    full: opt.Full = False,
    tolerance: opt.Tolerance = None,
    preprocess: opt.Preprocess = None,
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
    """Compare SOURCE with a golden. Exit 0 match, 1 mismatch, 2 error, 3 incomplete."""
    from fpcheck.cli.console import check_format, progress, show
    from fpcheck.workflows.compare import compare_source
    from fpcheck.workflows.next_commands import to_accept
    from fpcheck.workflows.request import Request

    check_format(form)
    request = Request(
        golden=golden, goldens=goldens, levels=opt.split_levels(levels), full=full,
        tolerance=tolerance, preprocess=preprocess,
    )  # fmt: skip
    loading = opt.loading(weights, seed, model, custom_objects, trust, static, backend)
    with progress(quiet) as step:
        report = compare_source(source, request, loading, progress=step)
    show(report, form, output, quiet, verbose, to_accept(report, request, loading))
    raise typer.Exit(report.exit_code)
