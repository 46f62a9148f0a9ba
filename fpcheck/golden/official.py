"""Keras's own weight files: recognised by name and by the MD5 that Keras publishes of them."""

from functools import cache
from pathlib import Path

from fpcheck.codec import Value
from fpcheck.golden import strict_yaml
from fpcheck.golden.store import shipped
from fpcheck.model.source import file_md5

FILE = "official-weights.yaml"


class OfficialFile(Value, frozen=True):
    """One published file: which application it is of, whether with its top, and its MD5."""

    application: str
    top: bool
    md5: str


@cache
def official_files() -> dict[str, OfficialFile]:
    """File name to what is published of it."""
    path = shipped().folder / FILE
    return strict_yaml.load(path.read_text(), dict[str, OfficialFile], str(path))


def recognise(path: Path) -> str | None:
    """One sentence on whether a file is one of Keras's own; None where nothing suggests it."""
    files = official_files()
    own = file_md5(path)
    for name, file in files.items():
        if file.md5 == own:
            top = "with" if file.top else "without"
            return f"It is Keras's official file {name}: {file.application} {top} its top."
    if path.name in files:
        return (
            f"It bears the name of Keras's official {files[path.name].application} file, but is "
            f"not that file: its MD5 is {own}, published is {files[path.name].md5}."
        )
    return None
