"""`fpcheck record`: take the fingerprint of a good model and store it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpcheck import startup
from fpcheck.cli import options as opt

if TYPE_CHECKING:
    from fpcheck.workflows.plan import RecordRequest
    from fpcheck.workflows.recording import Recording

_LEVELS = "Levels to record: structure,weights,outputs. (default: all)"
_PROBES = "Number of probes, or a file or folder with probes."
_DATA = "Labelled examples: .npz, or a folder per class."
_TOLERANCE = "Name of the difference that comparisons of outputs allow, such as float16."
_NOTE = "Why this model is good. On an unchanged model: updates the newest version."
# Warnings that are shown.
_MOST = 5


@dataclass(frozen=True)
class Measuring:
    """What is measured, and stored in which golden: the fields of `RecordRequest`."""

    name: Annotated[opt.Text, typer.Argument(metavar="[NAME]", help="Name of the golden.")] = None
    goldens: opt.Goldens = None
    levels: Annotated[opt.Text, opt.valued("LIST", _LEVELS)] = None
    preprocess: opt.Preprocess = "auto"
    probes: Annotated[opt.Text, opt.valued("N|FILE|DIR", _PROBES)] = None
    data: Annotated[Path | None, opt.valued("PATH", _DATA)] = None
    tolerance: Annotated[opt.Text, opt.valued("NAME", _TOLERANCE)] = None
    note: Annotated[str, opt.valued("TEXT", _NOTE)] = ""

    def request(self) -> "RecordRequest":
        """The same for the workflows."""
        from fpcheck.workflows.plan import RecordRequest

        levels, preprocess = opt.split_levels(self.levels), self.preprocess or "auto"
        return RecordRequest(**{**vars(self), "levels": levels, "preprocess": preprocess})


def record(
    source: opt.SourceArg, asked: Measuring, loading: opt.Loading, quiet: opt.Quiet = False
) -> None:
    """Take the fingerprint of SOURCE and store it as the next version of golden NAME."""
    startup.read_early(source, record=True)
    from fpcheck.cli.console import progress
    from fpcheck.workflows.record import record_source

    with progress(quiet) as step:
        recording = record_source(source, asked.request(), loading.options(), progress=step)
    if not quiet:
        _show(recording, asked.goldens)


def _show(recording: "Recording", goldens: Path | None) -> None:
    from fpcheck.cli.console import put, say
    from fpcheck.report.text import clean, render
    from fpcheck.wording import command

    golden = recording.golden
    if not recording.stored:
        verb = "is" if recording.edited == ("note",) else "are"
        edited = f"no version added, but its {' and '.join(recording.edited)} {verb} changed"
        kept = edited if recording.edited else "nothing stored"
        say(f"{golden.label} already says the same: {kept} ({golden.path})")
        return
    if recording.changes is not None:
        say(f"what changed since {recording.changes.golden.label}:")
        put(render(recording.changes))
    held = golden.fingerprint
    contents = f"{len(held.structure.layers)} layers, {held.structure.parameters:,} parameters"
    say(f"recorded {golden.label}: {', '.join(held.levels)}; {contents}")
    if held.outputs is not None:
        say(f"  preprocess {held.outputs.preprocess}, noise {held.outputs.noise.largest:.1e}")
    if (accuracy := held.accuracy) is not None:
        top = f"top-1 {accuracy.top1:.2%}, top-5 {accuracy.top5:.2%}"
        say(f"  accuracy on {accuracy.count} examples: {top}")
    for warning in recording.warnings[:_MOST]:
        say(f"  warning: {clean(warning)}")
    if (more := len(recording.warnings) - _MOST) > 0:
        every = command("show", golden.label, goldens=goldens)
        say(f"  warning: and {more} more like it; to see all: {every}")
    say(f"  {golden.path} and .h5: commit both")
