"""Where output goes: results to stdout, progress and errors to stderr."""

import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fpcheck.errors import FpcheckError, as_text
from fpcheck.files.address import shown
from fpcheck.progress import Progress as Step
from fpcheck.progress import silent
from fpcheck.report import json as json_report
from fpcheck.report.value import Report

if TYPE_CHECKING:  # the library for terminals takes time to import, and JSON does not need it
    from rich.console import Console, RenderableType

FORMATS = ("text", "json")
# What ends sooner needs no progress display.
PATIENCE_SECONDS = 1.0


def out() -> "Console":
    """For results."""
    from rich.console import Console

    return Console(highlight=False, emoji=False)


def put(content: "RenderableType") -> None:
    """A result: in colours on a terminal, plain elsewhere."""
    if sys.stdout.isatty():
        out().print(content)
    else:
        from fpcheck.report.text import without_colours

        sys.stdout.write(without_colours(content) + "\n")


def say(line: str) -> None:
    """One line of a result, as it is: never folded, so that scripts can read it."""
    out().print(as_text(line), soft_wrap=True, markup=False)


def err() -> "Console":
    """For everything else."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def show(
    report: Report, form: str, output: Path | None, quiet: bool = False, verbose: bool = False
) -> None:
    """Print a report, or write it to a file."""
    again = following(report, verbose)
    if form == "json":
        text = json_report.render(report) + "\n"
        write(output, text) if output is not None else sys.stdout.write(text)
        return
    from fpcheck.report.text import plain_text, render

    if output is not None:
        write(output, plain_text(report, verbose, again) + "\n")
    elif not quiet:
        put(render(report, verbose, again))


def following(report: Report, verbose: bool) -> str | None:
    """The command to run after this one."""
    if report.verdict == "match":
        return None
    if report.verdict == "incomplete":
        return _asking_less(report)
    if not verbose:
        return f"{_this_command()} --verbose"
    if report.first or report.candidate.format in ("golden", "memory"):
        return None
    source = shlex.quote(report.candidate.source)
    return f"fpcheck record {source} {report.golden.name}   (if the change is wanted)"


def _asking_less(report: Report) -> str | None:
    """The command that asks for no more than was compared; None where there is none."""
    if report.first or not report.narrower:
        return None
    command = shlex.join(["fpcheck", *map(shown, _without_levels(sys.argv[1:]))])
    return f"{command} --levels {','.join(report.narrower)}   (to ask for no more than that)"


def _without_levels(arguments: list[str]) -> list[str]:
    """Arguments without the levels that were asked for."""
    kept: list[str] = []
    for place, argument in enumerate(arguments):
        value_of = place > 0 and arguments[place - 1] == "--levels"
        if argument != "--levels" and not value_of and not argument.startswith("--levels="):
            kept.append(argument)
    return kept


def _this_command() -> str:
    return as_text(shlex.join(["fpcheck", *map(shown, sys.argv[1:])]))


def check_format(form: str) -> None:
    """Refuse a format that there is not, before any work is done."""
    if form not in FORMATS:
        raise FpcheckError(f"--format {form}: no such format", f"Allowed: {', '.join(FORMATS)}.")


def write(path: Path, text: str) -> None:
    """Write a report to a file."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FpcheckError(
            f"--output {path}: cannot be written ({error.strerror})", "Choose another file."
        ) from error


def complain(error: FpcheckError) -> None:
    """An error as one or two lines on stderr."""
    from rich.markup import escape

    from fpcheck.report.text import clean

    console = err()
    console.print(f"[bold red]error:[/] {escape(clean(error.fact, 500))}")
    if error.advice:
        console.print(escape(clean(error.advice, 500)))


@contextmanager
def progress(quiet: bool = False) -> Iterator[Step]:
    """Shows the current step and the time it takes, on a terminal, once a second has passed."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.markup import escape
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from fpcheck.report.text import clean

    shown = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
        console=err(), transient=True,
    )  # fmt: skip
    task = shown.add_task("starting", total=None)
    timer = threading.Timer(PATIENCE_SECONDS, shown.start)
    timer.start()
    try:
        yield lambda text: shown.update(task, description=escape(clean(text)))
    finally:
        timer.cancel()
        timer.join()
        shown.stop()
