"""Names from which Keras sees the format of a file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def named(path: Path, suffix: str) -> Iterator[Path]:
    """The file under a name with this suffix, by which Keras chooses how it loads the file."""
    if path.name.endswith(suffix) and not (suffix == ".h5" and path.name.endswith(".weights.h5")):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fpcheck-") as folder:
        link = Path(folder) / f"model{suffix}"
        link.symlink_to(path)
        yield link


def load_weights_as(suffix: str, path: Path, model: Any) -> None:
    """Fill a live model from a file that Keras loads as one with this suffix."""
    with named(path, suffix) as file:
        model.load_weights(file)
