"""`fpcheck record`: take the fingerprint of a good model and store it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpcheck import startup
from fpcheck.cli import options as opt

if TYPE_CHECKING:
    from fpcheck.workflows.recording import Recording


def record(
    source: opt.SourceArg,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of the golden.")
    ] = None,
    *,
    goldens: opt.Goldens = None,
    levels: opt.Levels = None,
    loading: opt.Loading,
    preprocess: opt.Preprocess = "auto",
    probes: Annotated[
        str | None,
        typer.Option(
            metavar="N|FILE|DIR", help="Number of probes, or a file or folder with probes."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Labelled examples: .npz, or a folder per class."),
    ] = None,
    tolerance: opt.Tolerance = None,
    note: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Why this model is good. On an unchanged model: updates the newest version.",
        ),
    ] = "",
    quiet: opt.Quiet = False,
) -> None:
    """Take the fingerprint of SOURCE and store it as the next version of golden NAME."""
    startup.read_early(source, record=True)
    from fpcheck.cli.console import progress
    from fpcheck.workflows.plan import RecordRequest
    from fpcheck.workflows.record import record_source

    request = RecordRequest(
        name=name,
        goldens=goldens,
        levels=opt.split_levels(levels),
        preprocess=preprocess or "auto",
        probes=probes,
        data=data,
        tolerance=tolerance,
        note=note,
    )
    with progress(quiet) as step:
        recording = record_source(source, request, loading.options(), progress=step)
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
