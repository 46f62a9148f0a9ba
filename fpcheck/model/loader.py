"""Making a live Keras model from a source. Runs where the framework runs."""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from fpcheck.codec import PathText
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.files.address import shown
from fpcheck.formats.file_head import ARCHITECTURE, OBJECT, ZIP
from fpcheck.keras_config.keras2_config import wrote_keras2
from fpcheck.model.deep_models import built_once
from fpcheck.model.keras2_models import load_architecture, load_legacy_h5, load_old_archive
from fpcheck.model.refusal_reasons import is_newer, keras_version, reason, remedy
from fpcheck.model.source import Kind, Options, Source, parse
from fpcheck.model.trainable_order import frozen_as_saved
from fpcheck.model.user_code import check_code
from fpcheck.model.user_modules import import_module


@dataclass(frozen=True)
class Loaded:
    """A live model, and the name of its format."""

    model: Any
    format: str


def load(source: Source, options: Options) -> Loaded:
    """The live model behind a source.

    Raises:
        FpcheckError: it cannot be loaded; says why, and what would help.
    """
    if source.kind is Kind.APPLICATION:
        return Loaded(_load_application(source, options), "application")
    if source.kind is Kind.CALLABLE:
        return Loaded(_load_callable(source), "callable")
    return _load_file(source, options)


def _load_application(source: Source, options: Options) -> Any:
    import keras

    make = getattr(keras.applications, source.target)
    keras.utils.set_random_seed(options.seed)
    if options.weights == "random":
        return make(weights=None)
    if options.weights != "imagenet":
        file = parse(options.weights)
        with _fitting(f"{shown(options.weights)}: does not fit {source.target}"):
            return _with_weights(make(weights=None), Path(file.target))
    try:
        return make(weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise FpcheckError(
            f"{source.text}: its ImageNet weights cannot be had: {reason(error)}",
            f"Use --weights random --seed 0, or --weights FILE with a file of {source.target}'s "
            "weights.",
        ) from error


def architecture(source: Source) -> Any:
    """An application without any weights: its variables are never filled, so it takes no time."""
    import keras
    from keras.src.backend.common import global_state

    with keras.StatelessScope():
        model = getattr(keras.applications, source.target)(weights=None)
        global_state.set_global_attribute("uninitialized_variables", [])
    return model


def _load_callable(source: Source) -> Any:
    import keras

    module, _, attribute = source.target.partition(":")
    target = _imported(module, source.text)
    for part in attribute.split("."):
        target = getattr(target, part, None)
    if not callable(target):
        raise FpcheckError(
            f"{source.text}: {module} has no function {attribute}", "Check the name."
        )
    try:
        model = target()
    except Exception as error:  # whatever a user's function may raise
        check_code(f"{source.text} raised", error, reason)
        raise FpcheckError(
            f"{source.text} raised {type(error).__name__}: {reason(error)}",
            "Name a function without arguments that returns the model.",
        ) from error
    if not isinstance(model, keras.Model):
        raise FpcheckError(
            f"{source.text}: returned a {type(model).__name__}, not a keras.Model",
            "Name a function without arguments that returns the model.",
        )
    return model


def _imported(module: str, asked: str) -> Any:
    try:
        return import_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's module may raise
        check_code(f"{asked}: importing {module} raised", error, reason)
        raise FpcheckError(
            f"{asked}: cannot import {module}: {reason(error)}",
            "Run from the folder that holds it, or install it.",
        ) from error


def custom_objects(module: str | None) -> dict[str, Any]:
    """Every class and function that a module defines, by the names that files ask for."""
    import keras

    if module is None:
        return {}
    held = vars(_imported(module, f"--custom-objects {module}"))
    own = {n: v for n, v in held.items() if callable(v) and getattr(v, "__module__", "") == module}
    registered = {keras.saving.get_registered_name(v): v for v in own.values()}
    return {**own, **registered}


def _load_file(source: Source, options: Options) -> Loaded:
    path = Path(source.target)
    kind = file_format(path)
    if kind in ("weights-h5", "weights-json", "keras-h5-weights") or options.model is not None:
        if options.model is None:
            raise FpcheckError(
                f"{source.text}: holds weights only, no architecture",
                "Name the architecture: --model resnet50, --model FILE.keras or "
                "--model package.module:function.",
            )
        inner = Options(weights=PathText("random"), custom_objects=options.custom_objects,
                        trust=options.trust)  # fmt: skip
        model = load(parse(options.model), inner).model
        with _fitting(f"{source.text}: does not fit --model {shown(options.model)}"):
            return Loaded(_with_weights(model, path), kind)
    objects = custom_objects(options.custom_objects)
    try:
        with built_once():
            return Loaded(_load_model(path, kind, objects, safe_mode=not options.trust), kind)
    except Exception as error:  # eighteen classes were seen
        raise _refused(source, path, error) from error


def _load_model(path: Path, kind: str, objects: dict[str, Any], safe_mode: bool) -> Any:
    import keras

    if kind == ARCHITECTURE:
        return load_architecture(path, objects, safe_mode)
    if kind == "keras-h5":
        return load_legacy_h5(path, objects, safe_mode)
    if wrote_keras2(keras_version(path)):
        return load_old_archive(path, objects, safe_mode)
    with _suffixed(path, ".keras") as named:
        load_model = keras.saving.load_model
        return load_model(named, custom_objects=objects, compile=False, safe_mode=safe_mode)


def _refused(source: Source, path: Path, error: Exception) -> FpcheckError:
    """Why a file is not loaded: what was read of it without Keras holds all the same."""
    import keras

    written = keras_version(path)
    newer = is_newer(written, keras.__version__)
    fact = f"{source.text}: cannot be loaded"
    check_code(f"{fact}: its code raised", error, reason, kind=UnavailableError)
    if newer:
        fact += f" (written by Keras {written}, and Keras {keras.__version__} is installed)"
    return UnavailableError(f"{fact}: {reason(error)}", remedy(error, newer, written))


def _with_weights(model: Any, path: Path) -> Any:
    suffix = {"weights-h5": ".weights.h5", "weights-json": ".weights.json", "keras": ".keras"}.get(
        file_format(path), ".h5"
    )
    with _suffixed(path, suffix) as named, frozen_as_saved(model, path):
        model.load_weights(named)
    return model


def file_format(path: Path) -> str:
    """Which container a file is, by its content.

    Returns:
        `keras`, `keras-h5` (a full legacy model), `keras-h5-weights`, `weights-h5`, `weights-json`
        (an index of shards), or `model-json` (an architecture alone).
    """
    with path.open("rb") as file:
        head = file.read(len(ZIP))
    if head.startswith(OBJECT):
        described = {"class_name", "config"} <= json.loads(path.read_bytes()).keys()
        return ARCHITECTURE if described else "weights-json"
    zipped = head == ZIP
    if zipped and not zipfile.is_zipfile(path):
        raise FpcheckError(f"{path}: damaged .keras archive", "Save or download it again.")
    if zipped:
        return "keras"
    try:
        with h5py.File(path, "r") as opened:
            if "model_config" in opened.attrs:
                return "keras-h5"
            return "keras-h5-weights" if "layer_names" in opened.attrs else "weights-h5"
    except OSError as error:
        raise FpcheckError(
            f"{path}: damaged HDF5 file ({reason(error)})", "Save or download it again."
        ) from error


@contextmanager
def _suffixed(path: Path, suffix: str) -> Iterator[Path]:
    """The file under a name from which Keras sees what it is."""
    if path.name.endswith(suffix) and not (suffix == ".h5" and path.name.endswith(".weights.h5")):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fpcheck-") as folder:
        named = Path(folder) / f"model{suffix}"
        named.symlink_to(path)
        yield named


@contextmanager
def _fitting(fact: str) -> Iterator[None]:
    """Turn whatever Keras raises where weights do not fit into a fact and an advice."""
    try:
        yield
    except FpcheckError:
        raise
    except Exception as error:  # Keras raises many classes
        # What was read of the file without Keras holds all the same.
        check_code(f"{fact}: its code raised", error, reason, kind=UnavailableError)
        other = "Name the architecture that it was saved from."
        raise UnavailableError(f"{fact}: {reason(error)}", other) from error
