"""The command line: one small module a command, each a call of the public workflows."""

import gc
import io
import os
import sys
import traceback
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from fpcheck.errors import EXIT_ERROR, FpcheckError
from fpcheck.files import NO_PLUGINS

# Imports make many objects that stay; looking through them again and again takes time.
gc.set_threshold(100_000, 50, 50)
# Before anything imports h5py: files must not load plug-ins.
for _name, _value in NO_PLUGINS.items():
    os.environ.setdefault(_name, _value)

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
    """Imports a command's module when it is asked for: a gate's time is mostly its imports."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name]
        alone = typer.Typer(add_completion=False, context_settings=_SETTINGS)
        alone.command(cmd_name)(getattr(import_module(f"fpcheck.cli.{module}"), function))
        return typer.main.get_command(alone)


_SETTINGS = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    cls=_Commands,
    help="Is the Keras model just loaded the one that was approved? If not, what is wrong, where?",
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
    """The entry point: turns errors into two lines and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a verdict must not fail for a check mark
    try:
        app()
    except FpcheckError as error:
        _complain(error)
        _trace(error)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): no reason for a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
    except Exception as error:
        _complain(FpcheckError(
            f"fpcheck itself failed: {type(error).__name__}: {error}",
            "This is a bug: please report it with what --debug shows.",
        ))  # fmt: skip
        _trace(error)
        sys.exit(EXIT_ERROR)


def _complain(error: FpcheckError) -> None:
    from fpcheck.cli.console import complain

    complain(error)


def _trace(error: BaseException) -> None:
    if "--debug" in sys.argv:
        traceback.print_exception(error)
