"""`fpcheck list`, `show` and `verify`: the stored goldens."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from fpcheck.cli import options as opt
from fpcheck.cli.console import complain, put, say
from fpcheck.errors import EXIT_ERROR, FpcheckError
from fpcheck.golden.store import HOW_TO_RECORD, Store, find, goldens_folder, stores
from fpcheck.report.text import clean, render_golden


def list_goldens(goldens: opt.Goldens = None) -> None:
    """List the goldens: those of the folder, then those that come with fpcheck."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in ("golden", "versions", "levels", "parameters", "note"):
        table.add_column(column)
    for store in stores(goldens):
        for entry in store.newest():
            editable, golden = entry.document()
            versions, levels = str(len(store.versions(golden.name))), ",".join(golden.levels)
            name, note = Text(clean(golden.name)), Text(clean(editable.note))
            table.add_row(name, versions, levels, f"{golden.model['parameters']:,}", note)
    put(table)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    goldens: opt.Goldens = None,
) -> None:
    """Show one golden: where it comes from, its layers and what it allows."""
    put(render_golden(find(name, goldens).load()))


def verify(goldens: opt.Goldens = None) -> None:
    """Check the integrity of every version of every golden in the folder."""
    sound = damaged = 0
    folder = goldens_folder(goldens)
    if not folder.is_dir():
        raise FpcheckError(f"{folder}: no such folder of goldens", HOW_TO_RECORD)
    for entry in Store(folder).entries():
        try:
            entry.load()
            sound += 1
        except FpcheckError as error:
            damaged += 1
            complain(error)
    say(f"{sound} sound, {damaged} damaged in {folder}")
    if damaged:
        raise typer.Exit(EXIT_ERROR)
