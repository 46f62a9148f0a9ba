"""Which backend runs a model, and the versions and settings that decide rounding."""

import json
import os
import platform
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fpcheck.backends import BACKENDS, backend_named
from fpcheck.errors import FpcheckError, UnavailableError

# Settings of Keras that change arithmetic, and their defaults.
_SETTINGS = {"epsilon": 1e-7, "floatx": "float32", "image_data_format": "channels_last"}
# An environment variable that changes the arithmetic of any backend on a GPU.
_ANY_BACKEND = "NVIDIA_TF32_OVERRIDE"


def check_backend(asked: str) -> None:
    """Refuse a backend that does not exist or is not installed, before anything is loaded."""
    if not asked:
        return
    said = f"--backend {asked}"
    if not _exists(asked):
        raise _no_such(said)
    backend = backend_named(asked)
    if find_spec(asked) is None:
        raise FpcheckError(f"{said}: {backend.title} is not installed", f"{backend.install}.")


def chosen_backend() -> str:
    """The backend that Keras chooses: of the environment, of its configuration, else its default.

    Raises:
        FpcheckError: the installed Keras has no such backend.
    """
    asked = os.environ.get("KERAS_BACKEND")
    said = f"KERAS_BACKEND={asked}"
    if not asked:
        asked = str(_configuration().get("backend", next(iter(BACKENDS))))
        said = f"keras.json: backend {asked}"
    if not _exists(asked) and find_spec("keras") is not None:
        raise _no_such(said)
    return asked


def _exists(name: str) -> bool:
    return name in BACKENDS or name in _backends_of_keras()


def _no_such(said: str) -> FpcheckError:
    others = sorted(_backends_of_keras() - BACKENDS.keys())
    return FpcheckError(f"{said}: no such backend", f"Allowed: {', '.join([*BACKENDS, *others])}.")


def _backends_of_keras() -> set[str]:
    """The backends that the installed Keras has, found without importing it."""
    spec = find_spec("keras")
    if spec is None or spec.origin is None:
        return set()
    folder = Path(spec.origin).parent / "src" / "backend"
    return {module.parent.name for module in folder.glob("*/core.py")}


def imported_keras() -> Any:
    """The module `keras`, imported with the backend that it chooses.

    Raises:
        UnavailableError: Keras or a backend is not installed.
    """
    try:
        import keras
    except ModuleNotFoundError as error:
        chosen = backend_named(chosen_backend())
        missing = (error.name or "").partition(".")[0]
        found = [b for b in (*BACKENDS.values(), chosen) if missing in b.packages]
        if not found and missing != "keras":
            raise
        title = found[0].title if found else "Keras"
        install = (found[0] if found else chosen).install
        raise UnavailableError(
            f"{title} is not installed, and the model must be run",
            f"Install it: {install}. Or do not run the model: --static.",
        ) from error
    return keras


def environment(name: str = "") -> dict[str, str]:
    """The name and value of everything that decides rounding.

    Args:
        name: the backend that runs the model; the one that Keras chooses if empty.
    """
    running = backend_named(name or chosen_backend())
    used = [*(b for b in BACKENDS.values() if b.always_used), running]
    variables = (_ANY_BACKEND, *(name for b in BACKENDS.values() for name in b.variables))
    return {
        "keras": _version("keras"),
        **{
            package: _version_of(package, names)
            for b in used
            for package, names in b.packages.items()
        },
        "backend": running.name,
        "system": platform.system(),
        "machine": platform.machine(),
        **{name: os.environ[name] for name in variables if name in os.environ},
        **_numeric_settings(),
    }


def _numeric_settings() -> dict[str, str]:
    """The settings of Keras that change arithmetic and are not at their defaults."""
    keras = sys.modules.get("keras")  # a program may have set them for its own process
    if keras is None:
        values = _configuration()
    else:
        values = {name: getattr(keras.config, name)() for name in _SETTINGS}
    return {
        f"keras {name}": str(values[name])
        for name, default in _SETTINGS.items()
        if values.get(name, default) != default
    }


def lacking(found: dict[str, str]) -> list[str]:
    """The packages that running a model needs and an environment does not have."""
    return [name for name in ("keras", found["backend"]) if not found.get(name)]


def _version_of(package: str, distributions: Iterable[str]) -> str:
    """The version of an installed package; empty if it is not installed."""
    from importlib import metadata  # importing it takes as long as reading a small model

    known = _first_version(distributions)
    if known or find_spec(package) is None:
        return known
    # Looks through all distributions, which takes 0.2 s.
    return _first_version(metadata.packages_distributions().get(package, ()))


def _first_version(distributions: Iterable[str]) -> str:
    return next((found for name in distributions if (found := _version(name))), "")


def _version(distribution: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _configuration() -> dict[str, Any]:
    """What Keras's configuration file says; empty if there is none."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    try:
        values = json.loads((home / "keras.json").read_text())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
