"""The backends of Keras: one module each. Importing this package imports no framework."""

import sys

from fpcheck.backends import jax, tensorflow, torch
from fpcheck.backends.backend import Backend

# Those that fpcheck knows; Keras's default is the first.
BACKENDS = {backend.name: backend for backend in (tensorflow.BACKEND, jax.BACKEND, torch.BACKEND)}


def backend_named(name: str) -> Backend:
    """The backend of this name, which may be one that fpcheck does not know."""
    other = Backend(name=name, title=name, install=f"pip install {name}", packages={name: (name,)})
    return BACKENDS.get(name, other)


def is_framework_loaded() -> bool:
    """Whether this process has imported a framework. It may have threads unknown to Python."""
    packages = {"keras", *(name for backend in BACKENDS.values() for name in backend.packages)}
    return not packages.isdisjoint(sys.modules)


def before_import() -> dict[str, str]:
    """Environment variables of a process that may import any backend."""
    return {k: v for backend in BACKENDS.values() for k, v in backend.before_import.items()}


def other_arithmetic() -> dict[str, str]:
    """Environment variables that make a second process round differently, on any backend."""
    return {k: v for backend in BACKENDS.values() for k, v in backend.other_arithmetic.items()}
