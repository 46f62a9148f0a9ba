"""Backends, and the versions and settings that decide rounding; read without a framework."""

import json
import os
import platform
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fpcheck.errors import FpcheckError

# Backends that may be asked for, and what to install for each.
BACKENDS = {
    "tensorflow": ("TensorFlow", "pip install tensorflow"),
    "jax": ("JAX", "pip install 'fpcheck[jax]'"),
    "torch": ("PyTorch", "pip install 'fpcheck[torch]'"),
}
# Distributions that bring the same modules under other names.
_TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly")
# What computes, beside TensorFlow: Keras looks words up with that on every backend.
_COMPUTING = {"jax": ("jax", "jaxlib"), "torch": ("torch",)}
# Settings of Keras that change arithmetic, and their defaults.
_SETTINGS = {"epsilon": 1e-7, "floatx": "float32", "image_data_format": "channels_last"}
# Environment variables that do.
_VARIABLES = (
    "TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "NVIDIA_TF32_OVERRIDE", "XLA_FLAGS", "JAX_PLATFORMS",
    "JAX_DEFAULT_MATMUL_PRECISION", "JAX_ENABLE_X64", "KERAS_TORCH_DEVICE",
)  # fmt: skip


def check_backend(asked: str) -> None:
    """Refuse a backend that there is not, or that is not installed, before anything is loaded."""
    if not asked:
        return
    if asked not in BACKENDS:
        raise FpcheckError(
            f"--backend {asked}: no such backend", f"Allowed: {', '.join(BACKENDS)}."
        )
    name, install = BACKENDS[asked]
    if find_spec(asked) is None:
        raise FpcheckError(f"--backend {asked}: {name} is not installed", f"{install}.")


def environment(backend: str = "") -> dict[str, str]:
    """Name and value of each, the same on every call in the same surroundings.

    Args:
        backend: what runs the model; as Keras chooses if empty.
    """
    backend = backend or chosen_backend()
    found = {
        "keras": _version("keras"),
        "tensorflow": next((v for name in _TENSORFLOW if (v := _version(name))), ""),
        **{name: _version(name) for name in _COMPUTING.get(backend, ())},
        "backend": backend,
        "system": platform.system(),
        "machine": platform.machine(),
    }
    found |= {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return found | _numeric_settings()


def _numeric_settings() -> dict[str, str]:
    """Settings of Keras that change arithmetic, where they are not its defaults."""
    keras = sys.modules.get("keras")  # a program may have set them for its own process
    told = _configuration() if keras is None else {
        name: getattr(keras.config, name)() for name in _SETTINGS
    }  # fmt: skip
    return {
        f"keras {name}": str(told[name])
        for name, usual in _SETTINGS.items()
        if told.get(name, usual) != usual
    }


def lacking(found: dict[str, str]) -> list[str]:
    """What running a model takes and an environment is without; empty where it can be run."""
    return [name for name in ("keras", found["backend"]) if not found.get(name)]


def _version(distribution: str) -> str:
    from importlib import metadata  # takes as long to import as a small model to read

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def chosen_backend() -> str:
    """As Keras chooses it: the environment, then its configuration file, then TensorFlow."""
    if asked := os.environ.get("KERAS_BACKEND"):
        return asked
    return str(_configuration().get("backend", "tensorflow"))


def _configuration() -> dict[str, Any]:
    """What Keras's configuration file says; empty where there is none."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    try:
        told = json.loads((home / "keras.json").read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
