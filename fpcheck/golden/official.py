"""Keras's official weight files, recognised by their names and published checksums."""

import hashlib
from functools import cache, partial
from pathlib import Path

from fpcheck.codec import Value
from fpcheck.golden import strict_yaml
from fpcheck.golden.store import shipped

FILE = "official-weights.yaml"


class OfficialFile(Value, frozen=True):
    """One published file: its application, whether it includes the top, and its checksum."""

    application: str
    top: bool
    md5: str | None = None
    sha256: str | None = None


@cache
def official_files() -> dict[str, OfficialFile]:
    """The published files by name."""
    path = shipped().folder / FILE
    return strict_yaml.load(path.read_text(), dict[str, OfficialFile], str(path))


def recognise(path: Path) -> str | None:
    """One sentence on whether a file is an official one; None if nothing suggests it."""
    files = official_files()
    sums = {kind: _sum(path, kind) for kind in ("md5", "sha256")}
    for name, file in files.items():
        if sums["md5"] == file.md5 or sums["sha256"] == file.sha256:
            top = "with" if file.top else "without"
            return f"It is Keras's official file {name}: {file.application} {top} its top."
    if path.name not in files:
        return None
    named = files[path.name]
    kind = "md5" if named.md5 else "sha256"
    return (
        f"It has the name of Keras's official {named.application} file, but it is not that file: "
        f"its {kind} is {sums[kind]}, the published one is {named.md5 or named.sha256}."
    )


def _sum(path: Path, kind: str) -> str:
    """The `md5` or `sha256` of a file. Nothing relies on it for security."""
    with path.open("rb") as file:
        new = partial(hashlib.new, kind, usedforsecurity=False)
        return hashlib.file_digest(file, new).hexdigest()
