"""What each attack is refused with, from `refusals.txt`, whose head tells how it is written."""

import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

_TABLE = Path(__file__).with_suffix(".txt")
_SUFFIX = re.compile(r"(\.weights)?\.(h5|keras|json)$")


class Refusal(NamedTuple):
    """A row of the table.

    Attributes:
        advice: which all that it stands for are given.
        fact: the same, with placeholders.
        names: patterns of file names.
    """

    advice: str
    fact: str
    names: list[str]

    def is_for(self, name: str) -> bool:
        """Whether the row is that of a file."""
        stem = _SUFFIX.sub("", name)
        return any(fnmatchcase(name, n) or fnmatchcase(stem, n) for n in self.names)

    def says(self, fact: str, advice: str, path: str) -> bool:
        """Whether a file at a path was refused so."""
        path = path.encode(errors="backslashreplace").decode()  # as messages write it
        legacy = path.endswith(".h5") and not path.endswith(".weights.h5")
        whole = path.endswith(".keras")
        told = self.fact
        for key, value in {
            "file": path,
            "weights": f"{path}: model.weights.h5" if whole else path,
            "config": f"{path}: {'config.json' if whole else 'model_config'}",
            "kernel": "model_weights/hidden/hidden/kernel" if legacy else "layers/dense/vars/0",
        }.items():
            told = told.replace(f"{{{key}}}", value)
        return _like(told, fact) and _like(self.advice, advice)


def _like(told: str, found: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, told.split("…"))), found, re.DOTALL) is not None


@cache
def table() -> list[Refusal]:
    """All rows."""
    rows: list[Refusal] = []
    advice = ""
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            advice = line.removeprefix("== ")
        elif line.startswith("    "):
            rows[-1].names.extend(line.split())
        elif line and not line.startswith("#"):
            rows.append(Refusal(advice, line, []))
    return rows


def refusal(name: str) -> Refusal:
    """The one row of a file."""
    (row,) = [row for row in table() if row.is_for(name)]
    return row
