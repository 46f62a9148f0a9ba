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
    files, sums = official_files(), {}
    for kind in ("md5", "sha256"):  # nothing relies on them for security
        with path.open("rb") as file:
            new = partial(hashlib.new, kind, usedforsecurity=False)
            sums[kind] = hashlib.file_digest(file, new).hexdigest()
    for name, known in files.items():
        if sums["md5"] == known.md5 or sums["sha256"] == known.sha256:
            top = "with" if known.top else "without"
            return f"It is Keras's official file {name}: {known.application} {top} its top."
    if path.name not in files:
        return None
    named = files[path.name]
    kind = "md5" if named.md5 else "sha256"
    return (
        f"It has the name of Keras's official {named.application} file, but it is not that file: "
        f"its {kind} is {sums[kind]}, the published one is {named.md5 or named.sha256}."
    )
