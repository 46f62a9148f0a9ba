"""What makes a command start and end sooner. All such tricks are here, each with its reason.

A small comparison takes a tenth of a second, nearly all of it imports and the start of processes.
Without this module every command does the same, later; only `prepare` also keeps plug-ins out.
"""

import gc
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from fpcheck.files import NO_PLUGINS

# Two processes that import these at the same time take longer than one that does so first.
_BEFORE_READING = ("numpy", "fpcheck.formats.reading")
# What recording needs last. It is imported while the child still reads.
_WHILE_RECORDING = ("fpcheck.golden.arrays", "fpcheck.report.text")


def prepare() -> None:
    """Set up a command's process, or its worker's. Must be called before the large imports."""
    # Imports make many objects that stay. To look through them again and again takes time.
    gc.set_threshold(100_000, 50, 50)
    # For safety: h5py looks for plug-ins when it is imported. Files must not load any.
    for name, value in NO_PLUGINS.items():
        os.environ.setdefault(name, value)


def read_early(source: str, *, record: bool = False) -> None:
    """Begin to read a model file in a child, which works while this process imports the rest.

    Does nothing where the source is no local file, or where a fork is not safe: to start a fresh
    interpreter costs more than is gained. To record, every tensor is measured, and a second child
    takes the digest of the whole file.
    """
    from fpcheck.files.address import is_address
    from fpcheck.formats.model_file import ModelFile, keep_for_opening
    from fpcheck.processes.limited_process import may_fork

    if is_address(source) or not may_fork():
        return
    # `Path.is_file` raises an error if no file can have this name.
    if not os.path.isfile(source):  # noqa: PTH113
        return
    file = ModelFile(str(Path(source).resolve()), source)
    keep_for_opening(file)
    if record:
        file.begin_whole()
    for name in _BEFORE_READING:
        import_module(name)
    file.begin(frozenset() if record else None)
    for name in _WHILE_RECORDING if record else ():
        import_module(name)


def end_early() -> None:
    """End a child whose file the command has not opened, such as after an error."""
    model_file = sys.modules.get("fpcheck.formats.model_file")
    if model_file is not None:
        model_file.keep_for_opening(None)


def leave(status: int) -> NoReturn:
    """End the process at once: to take Python down takes longer than to compare a small file."""
    os._exit(status)
