"""Imports of modules that the user names."""

import importlib
import sys
from pathlib import Path
from types import ModuleType


def import_module(name: str) -> ModuleType:
    """A module, also from the working folder, which comes last, so that it hides no other module.

    A worker starts without the working folder on its path, so that it does not run a file such as
    `h5py.py` beside a downloaded model.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    return importlib.import_module(name)
