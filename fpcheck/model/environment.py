"""Which backend runs a model, and the versions and settings that decide rounding."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
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
    _check_exists(asked, said)
    if find_spec(asked) is None:
        backend = backend_named(asked)
        raise FpcheckError(f"{said}: {backend.title} is not installed", f"{backend.install}.")


def chosen_backend() -> str:
    """The backend that Keras chooses; FpcheckError if the installed Keras has no such backend."""
    asked = os.environ.get("KERAS_BACKEND")
    said = f"KERAS_BACKEND={asked}"
    if not asked:
        asked = str(_configuration().get("backend", next(iter(BACKENDS))))
        said = f"keras.json: backend {asked}"
    if asked not in BACKENDS and find_spec("keras") is not None:
        _check_exists(asked, said)
    return asked


def _check_exists(name: str, said: str) -> None:
    """Refuse a backend that the installed Keras does not have, which is not imported for that."""
    if name in BACKENDS:
        return
    origin = getattr(find_spec("keras"), "origin", None)
    modules = Path(origin).parent.glob("src/backend/*/core.py") if origin else ()
    own = {module.parent.name for module in modules}
    if name not in own:
        allowed = ", ".join([*BACKENDS, *sorted(own - BACKENDS.keys())])
        raise FpcheckError(f"{said}: no such backend", f"Allowed: {allowed}.")


def imported_keras() -> Any:
    """The module `keras`; UnavailableError if it or the backend it chooses is not installed."""
    try:
        import keras
    except ModuleNotFoundError as error:
        chosen = backend_named(chosen_backend())
        missing = (error.name or "").partition(".")[0]
        needed = {"keras": ("Keras", chosen.install)}
        for backend in (*BACKENDS.values(), chosen):
            needed |= dict.fromkeys(backend.packages, (backend.title, backend.install))
        if missing not in needed:
            raise
        title, install = needed[missing]
        fact = f"{title} is not installed, and the model must be run"
        advice = f"Install it: {install}. Or do not run the model: --static."
        raise UnavailableError(fact, advice) from error
    return keras


def environment(name: str = "") -> dict[str, str]:
    """Name and value of all that decides rounding on a backend: by default, Keras's choice."""
    running = backend_named(name or chosen_backend())
    used = [*(b for b in BACKENDS.values() if b.always_used), running]
    variables = (_ANY_BACKEND, *(name for b in BACKENDS.values() for name in b.variables))
    packages = {package: names for b in used for package, names in b.packages.items()}
    return {
        "keras": _version("keras"),
        **{package: _version_of(package, names) for package, names in packages.items()},
        "backend": running.name,
        "system": platform.system(),
        "machine": platform.machine(),
        **{name: os.environ[name] for name in variables if name in os.environ},
        **_numeric_settings(),
    }


def _numeric_settings() -> dict[str, str]:
    """The settings of Keras that change arithmetic and are not at their defaults."""
    keras = sys.modules.get("keras")  # a program may have set them for its own process
    own = {name: getattr(keras.config, name)() for name in _SETTINGS} if keras else {}
    values = _SETTINGS | (own or _configuration())
    changed = {name: values[name] for name in _SETTINGS if values[name] != _SETTINGS[name]}
    return {f"keras {name}": str(value) for name, value in changed.items()}


def lacking(found: dict[str, str]) -> list[str]:
    """The packages that running a model needs and an environment does not have."""
    return [name for name in ("keras", found["backend"]) if not found.get(name)]


def _version_of(package: str, distributions: Iterable[str]) -> str:
    """The version of an installed package; empty if it is not installed."""
    from importlib import metadata

    def possible() -> Iterator[str]:
        yield from distributions
        if find_spec(package) is not None:
            # Looks through all distributions, which takes 0.2 s.
            yield from metadata.packages_distributions().get(package, ())

    return next(filter(None, map(_version, possible())), "")


def _version(distribution: str) -> str:
    """The version of a distribution; empty if it is not installed."""
    from importlib import metadata  # importing it takes as long as reading a small model

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
