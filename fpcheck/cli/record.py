"""`fpcheck record`: take the fingerprint of a good model and store it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpcheck.cli import options as opt
from fpcheck.formats.model_file import begun

if TYPE_CHECKING:
    from fpcheck.workflows.recording import Recording


def record(
    source: opt.SourceArg,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of the golden.")] = None,
    goldens: opt.Goldens = None,
    levels: opt.Levels = None,
    weights: opt.Weights = "imagenet",
    seed: opt.Seed = 0,
    model: opt.ModelOption = None,
    custom_objects: opt.CustomObjects = None,
    trust: opt.Trust = False,
    static: opt.Static = False,
    backend: opt.Backend = "",
    preprocess: opt.Preprocess = "auto",
    probes: opt.Probes = None,
    data: opt.Data = None,
    tolerance: opt.Tolerance = None,
    note: opt.Note = "",
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Take the fingerprint of SOURCE and store it as the next version of golden NAME."""
    # It is read while all below is imported.
    with begun(source, frozenset(), whole=True) as file:
        import fpcheck.report.text  # noqa: F401  # for what is told when all else is done
        from fpcheck.cli.console import progress
        from fpcheck.workflows.record import Request, record_source

        request = Request(
            name=name, goldens=goldens, levels=opt.split_levels(levels), data=data, note=note,
            preprocess=preprocess or "auto", probes=probes, tolerance=tolerance,
        )  # fmt: skip
        loading = opt.loading(weights, seed, model, custom_objects, trust, static, backend)
        with progress(quiet) as step:
            recording = record_source(source, request, loading, progress=step, begun=file)
    if not quiet:
        _show(recording, goldens)


def _show(recording: "Recording", goldens: Path | None) -> None:
    from fpcheck.cli.console import put, say
    from fpcheck.report.text import clean, render
    from fpcheck.wording import command

    golden = recording.golden
    if not recording.stored:
        say(f"{golden.label} already says the same: {_kept(recording.edited)} ({golden.path})")
        return
    if recording.changes is not None:
        say(f"what changed since {recording.changes.golden.label}:")
        put(render(recording.changes))
    held = golden.fingerprint
    say(
        f"recorded {golden.label}: {', '.join(held.levels)}; {len(held.structure.layers)} layers, "
        f"{held.structure.parameters:,} parameters"
    )
    if held.outputs is not None:
        say(f"  preprocess {held.outputs.preprocess}, noise {held.outputs.noise.largest:.1e}")
    if held.accuracy is not None:
        say(
            f"  accuracy on {held.accuracy.count} examples: top-1 {held.accuracy.top1:.2%}, "
            f"top-5 {held.accuracy.top5:.2%}"
        )
    every = command("show", golden.label, goldens=goldens)
    for warning in _grouped([clean(text) for text in recording.warnings], every):
        say(f"  warning: {warning}")
    say(f"  {golden.path} and .h5: commit both")


def _kept(edited: tuple[str, ...]) -> str:
    if not edited:
        return "nothing stored"
    verb = "is" if edited == ("note",) else "are"
    return f"no version added, but its {' and '.join(edited)} {verb} changed"


def _grouped(warnings: list[str], every: str, most: int = 5) -> list[str]:
    shown = warnings[:most]
    if len(warnings) > most:
        shown.append(f"and {len(warnings) - most} more like it; to see all: {every}")
    return shown
