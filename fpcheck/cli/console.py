"""Where output goes: results to stdout, progress and errors to stderr."""

import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from fpcheck.errors import FpcheckError, as_text
from fpcheck.files.address import shown
from fpcheck.progress import Progress, silent
from fpcheck.report import FOR_PROGRAMS
from fpcheck.report.report import Report

if TYPE_CHECKING:  # the library for terminals takes time to import, and JSON does not need it
    from rich.console import Console, RenderableType

    from fpcheck.cli.options import Showing

# What ends sooner needs no progress display.
PATIENCE_SECONDS = 1.0


def _console(stderr: bool = False) -> "Console":
    """A console on stdout; with `stderr`, one that never folds lines."""
    from rich.console import Console

    return Console(stderr=stderr, soft_wrap=stderr, highlight=False, emoji=False)


def put(content: "RenderableType") -> None:
    """A result: in colours on a terminal, plain elsewhere."""
    if sys.stdout.isatty():
        _console().print(content)
    else:
        from fpcheck.report.text import without_colours

        sys.stdout.write(without_colours(content) + "\n")


def say(line: str) -> None:
    """One line of a result, as it is: never folded, so that scripts can read it."""
    _console().print(as_text(line), soft_wrap=True, markup=False)


def show(report: Report, showing: "Showing", accept: str | None = None) -> None:
    """Print a report, or write it to a file; `accept` says how to store what differs."""
    output, verbose = showing.output, showing.verbose
    if showing.form in FOR_PROGRAMS:
        text = import_module(FOR_PROGRAMS[showing.form]).render(report) + "\n"
        _write(output, text) if output is not None else sys.stdout.write(text)
        return
    from fpcheck.report.text import plain_text

    again = following(report, verbose, accept)
    if output is not None:
        last = "" if again is None else f"\n  next: {again}\n"
        _write(output, f"{plain_text(report, verbose)}\n{last}")
    elif not showing.quiet:
        put_report(report, verbose, again)


def put_report(report: Report, verbose: bool, again: str | None) -> None:
    """Print a report, then what to do next."""
    from fpcheck.report.text import render

    put(render(report, verbose))
    if again is not None:
        # One line, however long: a command that is folded cannot be copied.
        say(f"\n  next: {again}")


def following(report: Report, verbose: bool, accept: str | None = None) -> str | None:
    """What to do after this command; a command that it names stands last."""
    typed = sys.argv[1:]
    if report.verdict == "mismatch":
        return accept if accept or verbose else f"to see every finding: {_command(typed)} --verbose"
    if report.verdict == "match" or report.first or not report.narrower:
        return None
    kept = [
        argument
        for before, argument in pairwise(["", *typed])
        if "--levels" not in (before, argument.partition("=")[0])
    ]
    levels = ",".join(report.narrower)
    return f"to compare only these levels: {_command(kept)} --levels {levels}"


def _command(arguments: list[str]) -> str:
    """The command that was typed, without what is secret in an address."""
    return as_text(shlex.join(["fpcheck", *map(shown, arguments)]))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        fact = f"--output {path}: cannot be written ({error.strerror})"
        raise FpcheckError(fact, "Choose another file.") from error


def complain(error: FpcheckError) -> None:
    """An error as one or two lines on stderr."""
    from rich.markup import escape

    from fpcheck.report.text import clean

    console = _console(stderr=True)
    console.print(f"[bold red]error:[/] {escape(clean(error.fact, 500))}")
    if error.advice:
        console.print(escape(clean(error.advice, 500)))


@contextmanager
def progress(quiet: bool = False) -> Iterator[Progress]:
    """Shows the current step and the time it takes, on a terminal, once a second has passed."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich import progress as bar
    from rich.markup import escape

    from fpcheck.report.text import clean

    columns = bar.SpinnerColumn(), bar.TextColumn("{task.description}"), bar.TimeElapsedColumn()
    display = bar.Progress(*columns, console=_console(stderr=True), transient=True)
    task = display.add_task("starting", total=None)
    timer = threading.Timer(PATIENCE_SECONDS, display.start)
    timer.start()
    try:
        yield lambda text: display.update(task, description=escape(clean(text)))
    finally:
        timer.cancel()
        timer.join()
        display.stop()
