"""Values in a notebook: small tables, with every text escaped."""

from collections.abc import Iterable
from html import escape

# A text in a cell; what is longer is cut.
LONGEST = 300


def table(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """HTML of a title and rows of a label and a text each; rows without a text are left out."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{_cell(label)}</th>"
        f"<td style='text-align:left'>{_cell(text)}</td></tr>"
        for label, text in rows
        if text not in ("", None)
    )
    return f"<table><caption><b>{_cell(title)}</b></caption>{cells}</table>"


def _cell(text: object) -> str:
    shown = str(text)
    return escape(shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…")
