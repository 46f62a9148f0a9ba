"""The command line: one small module a command, each a call of the public workflows."""

import io
import os
import sys
import traceback

# Before anything imports h5py: files must not load plug-ins.
os.environ.setdefault("HDF5_PLUGIN_PATH", "disable")
os.environ.setdefault("HDF5_PLUGIN_PRELOAD", "::")

import typer

from fpcheck.cli import compare, demo, diff, gate, goldens, hash_, record, validate
from fpcheck.cli.console import complain
from fpcheck.errors import EXIT_ERROR, FpcheckError

app = typer.Typer(
    help="Is the Keras model just loaded the one that was approved? If not, what is wrong, where?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(record.record)
app.command()(compare.compare)
app.command()(diff.diff)
app.command()(gate.gate)
app.command("list")(goldens.list_goldens)
app.command()(goldens.show)
app.command()(goldens.verify)
app.command("hash")(hash_.hash_source)
app.command()(validate.validate)
app.command()(demo.demo)


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Show the version and end."),
) -> None:
    """Is the Keras model just loaded the one that was approved? If not, what is wrong, where?"""
    if show:
        from fpcheck import __version__

        typer.echo(f"fpcheck {__version__}")
        raise typer.Exit


def main() -> None:
    """The entry point: turns errors into two lines and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a verdict must not fail for a check mark
    try:
        app()
    except FpcheckError as error:
        complain(error)
        _trace(error)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): no reason for a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
    except Exception as error:
        complain(FpcheckError(
            f"fpcheck itself failed: {type(error).__name__}: {error}",
            "This is a bug: please report it with what --debug shows.",
        ))  # fmt: skip
        _trace(error)
        sys.exit(EXIT_ERROR)


def _trace(error: BaseException) -> None:
    if "--debug" in sys.argv:
        traceback.print_exception(error)
