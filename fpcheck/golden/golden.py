"""The golden: a fingerprint that somebody approved."""

from pathlib import Path
from typing import TYPE_CHECKING

from fpcheck.codec import Value
from fpcheck.comparison.tolerance import Tolerances

if TYPE_CHECKING:
    from fpcheck.fingerprint.fingerprint import Fingerprint

SCHEMA = "fpcheck-golden/2"
# Those that this version reads. The first held structures of the first recipe.
READABLE = ("fpcheck-golden/1", SCHEMA)


class Provenance(Value, frozen=True):
    """Where and when a golden was recorded; no part of any comparison."""

    time: str
    fpcheck: str
    python: str
    platform: str
    environment: dict[str, str]


class SourceRecord(Value, frozen=True, omit_defaults=True):
    """What it was recorded from.

    Attributes:
        text: the source as given.
        format: of what it was.
        digest: BLAKE3 of its file's bytes; None where it is no file here.
        size: of that file in bytes.
        notes: what reading that file told, beside the model.
    """

    text: str
    format: str
    digest: str | None = None
    size: int | None = None
    notes: tuple[str, ...] = ()


class Golden(Value, frozen=True, eq=False):
    """An approved fingerprint under a name and a version.

    Attributes:
        name: of the golden.
        version: 1, 2, 3 ...
        fingerprint: what was measured.
        note: for people; may be edited.
        tolerances: what is allowed; may be edited.
        provenance: where and when.
        source: from what.
        path: of its YAML file; None before it is stored.
        first: of `diff`, what the user gave as the first of the two; empty elsewhere.
    """

    name: str
    version: int
    fingerprint: "Fingerprint"
    note: str
    tolerances: Tolerances
    provenance: Provenance
    source: SourceRecord
    path: Path | None = None
    first: str = ""

    @property
    def label(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def __repr__(self) -> str:
        return f"<Golden {self.label}: {self.fingerprint.described}>"

    def _repr_html_(self) -> str:
        from fpcheck.notebook import table

        return table(f"golden {self.label}", self.rows)

    @property
    def rows(self) -> list[tuple[str, object]]:
        """What a notebook shows of it."""
        allowed = f"weights {self.tolerances.weights}, outputs {self.tolerances.outputs}"
        return [
            ("note", self.note),
            ("holds", self.fingerprint.described),
            ("source", f"{self.source.text} ({self.source.format})"),
            ("recorded", self.provenance.time),
            ("allowed", allowed),
            ("file", self.path),
        ]
