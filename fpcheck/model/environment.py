"""Versions and settings that decide how a model's outputs are rounded; read without a framework."""

import json
import os
import platform
from pathlib import Path

# Distributions that bring the same modules under other names.
_TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly")
# Settings that change arithmetic.
_VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "NVIDIA_TF32_OVERRIDE")


def environment() -> dict[str, str]:
    """Name and value of each, the same on every call in the same surroundings."""
    found = {
        "keras": _version("keras"),
        "tensorflow": next((v for name in _TENSORFLOW if (v := _version(name))), ""),
        "backend": _backend(),
        "system": platform.system(),
        "machine": platform.machine(),
    }
    found |= {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return found


def _version(distribution: str) -> str:
    from importlib import metadata  # takes as long to import as a small model to read

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _backend() -> str:
    """As Keras chooses it: the environment, then its configuration file, then TensorFlow."""
    if "KERAS_BACKEND" in os.environ:
        return os.environ["KERAS_BACKEND"]
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    try:
        return str(json.loads((home / "keras.json").read_text()).get("backend", "tensorflow"))
    except (OSError, ValueError, AttributeError):
        return "tensorflow"
