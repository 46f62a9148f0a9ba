"""The golden: a fingerprint that somebody approved."""

from pathlib import Path
from typing import TYPE_CHECKING

from fpcheck.codec import Value
from fpcheck.comparison.tolerance import Tolerances

if TYPE_CHECKING:
    from fpcheck.fingerprint.fingerprint import Fingerprint

SCHEMA = "fpcheck-golden/2"
# The schemas that this version reads. The first has structures of the first recipe.
READABLE = ("fpcheck-golden/1", SCHEMA)


class Provenance(Value, frozen=True):
    """Where and when a golden was recorded; not compared."""

    time: str
    fpcheck: str
    python: str
    platform: str
    environment: dict[str, str]


class SourceRecord(Value, frozen=True, omit_defaults=True):
    """The source from which a golden was recorded.

    Attributes:
        text: the source as the user gave it.
        digest: BLAKE3 of the file; None if the source is not a local file.
        size: of the file in bytes.
        notes: what users should know about the file.
    """

    text: str
    format: str
    digest: str | None = None
    size: int | None = None
    notes: tuple[str, ...] = ()


class Golden(Value, frozen=True, eq=False):
    """An approved fingerprint under a name and a version.

    Attributes:
        note: for people; may be edited.
        tolerances: the allowed differences; may be edited.
        path: of its YAML file; None before it is stored.
    """

    name: str
    version: int
    fingerprint: "Fingerprint"
    note: str
    tolerances: Tolerances
    provenance: Provenance
    source: SourceRecord
    path: Path | None = None

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
        """The rows of its table in a notebook."""
        allowed = self.tolerances
        return [
            ("note", self.note),
            ("contains", self.fingerprint.described),
            ("source", f"{self.source.text} ({self.source.format})"),
            ("recorded", self.provenance.time),
            ("allowed", f"weights {allowed.weights}, outputs {allowed.outputs}"),
            ("file", self.path),
        ]
