"""Importing the user's own modules: only where the user names one."""

import importlib
import sys
from pathlib import Path
from types import ModuleType


def import_module(name: str) -> ModuleType:
    """A module, also from the working folder; that comes last, so that it hides nothing.

    The worker itself runs without the working folder on its path: a file `h5py.py` beside a
    downloaded model must not be run.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    return importlib.import_module(name)
