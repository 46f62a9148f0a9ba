"""The command line: small modules of commands, which call a workflow, or read stored goldens."""

import errno
import io
import os
import sys
import traceback
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from fpcheck import startup
from fpcheck.cli.options import expanded
from fpcheck.errors import EXIT_ERROR, FpcheckError

# Command, and the module and function that it is.
COMMANDS = {
    "record": ("record", "record"),
    "compare": ("compare", "compare"),
    "diff": ("diff", "diff"),
    "gate": ("gate", "gate"),
    "list": ("goldens", "list_goldens"),
    "show": ("goldens", "show"),
    "verify": ("goldens", "verify"),
    "hash": ("hash_", "hash_source"),
    "validate": ("validate", "validate"),
    "demo": ("demo", "demo"),
}


class _Commands(TyperGroup):
    """Imports only the module of the command that runs, since imports take most of its time."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name]
        alone = typer.Typer(add_completion=False, context_settings=_SETTINGS)
        command = getattr(import_module(f"fpcheck.cli.{module}"), function)
        alone.command(cmd_name)(expanded(command))
        return typer.main.get_command(alone)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except OSError as error:
            # Typer would exit with 1 where the reader of our output has gone: a mismatch.
            if error.errno not in _UNWRITABLE or error.filename is not None:
                raise
            raise typer.Exit(_unwritten(error)) from None


# Errors of writing to a stream. Those of a file have its name.
_UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EIO)
_SETTINGS = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings=_SETTINGS,
)


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
    """The entry point."""
    status = run()
    try:
        sys.stdout.flush()
    except OSError as error:
        status = status if status == EXIT_ERROR else _unwritten(error)
    startup.leave(status)


def run() -> int:
    """Run the command that `sys.argv` names. Returns its exit code; an error is two lines."""
    startup.prepare()
    _discard_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a verdict must not fail for a check mark
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_ERROR if end.code else 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        from fpcheck.cli.console import complain

        fact = f"fpcheck itself failed: {type(error).__name__}: {error}"
        bug = FpcheckError(fact, "This is a bug: please report it with what --debug shows.")
        complain(error if isinstance(error, FpcheckError) else bug)
        if "--debug" in sys.argv:
            traceback.print_exception(error)
    finally:
        startup.end_early()
    return EXIT_ERROR


def _discard_closed() -> None:
    """Discard what goes to a closed stream (`>&-`): the next file that is opened would get it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _unwritten(error: OSError) -> int:
    """The exit code where the output cannot be written; silent where nobody reads it (`| head`)."""
    if error.errno != errno.EPIPE:
        from fpcheck.cli.console import complain

        fact = f"the output cannot be written ({error.strerror})"
        complain(FpcheckError(fact, "Free some disk space, or choose another place."))
    return EXIT_ERROR
