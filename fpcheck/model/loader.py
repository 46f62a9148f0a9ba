"""Making a live Keras model from a source. Runs where the framework runs."""

from functools import partial
from pathlib import Path
from typing import Any

from fpcheck.codec import PathText
from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.files.address import shown
from fpcheck.files.refusals import NAME_ARCHITECTURE
from fpcheck.formats.format import Contains
from fpcheck.formats.raw_file import raw_file
from fpcheck.formats.recognition import recognise
from fpcheck.loading.deep_models import built_once
from fpcheck.model.live_model import LiveKerasModel
from fpcheck.model.refusal_reasons import is_newer, reason, remedy
from fpcheck.model.source import Kind, Options, Source, parse
from fpcheck.model.user_code import explained, import_module

_CALLABLE = "Name a function without arguments that returns the model."
_IMPORTABLE = "Run from the folder that contains it, or install it."
_FITTING = "Name the architecture that it was saved from."


def load(source: Source, options: Options, architecture_only: bool = False) -> LiveKerasModel:
    """The live model behind a source, in a process that may crash; FpcheckError says why not."""
    form = source.kind.value
    if architecture_only:
        model = _architecture(source)
    elif source.kind is Kind.APPLICATION:
        model = _load_application(source, options)
    elif source.kind is Kind.CALLABLE:
        model = _load_callable(source)
    else:
        model, form = _load_file(source, options)
    return LiveKerasModel(model, form, disposable=True)


def _architecture(source: Source) -> Any:
    """An application without any weights: its variables are never filled, so it takes no time."""
    import keras
    from keras.src.backend.common import global_state

    with keras.StatelessScope():
        model = getattr(keras.applications, source.target)(weights=None)
        global_state.set_global_attribute("uninitialized_variables", [])
    return model


def _load_application(source: Source, options: Options) -> Any:
    import keras

    name = source.target
    make = getattr(keras.applications, name)
    keras.utils.set_random_seed(options.seed)
    if options.weights == "random":
        return make(weights=None)
    if options.weights != "imagenet":
        return _filled(make(weights=None), parse(options.weights), name)
    try:
        return make(weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception where a download fails
        fact = f"{source.text}: the ImageNet weights cannot be downloaded: {reason(error)}"
        use = f"Use --weights random --seed 0, or --weights FILE with a file of {name}'s weights."
        raise FpcheckError(fact, use) from error


def _load_callable(source: Source) -> Any:
    import keras

    module, _, attribute = source.target.partition(":")
    target = _imported(module, source.text)
    for part in attribute.split("."):
        target = getattr(target, part, None)
    if not callable(target):
        fact = f"{source.text}: {module} has no function {attribute}"
        raise FpcheckError(fact, "Check the name.")
    said = f"{source.text} raised"
    with explained(
        said, lambda e: FpcheckError(f"{said} {type(e).__name__}: {reason(e)}", _CALLABLE)
    ):
        model = target()
    if not isinstance(model, keras.Model):
        fact = f"{source.text}: returned a {type(model).__name__}, not a keras.Model"
        raise FpcheckError(fact, _CALLABLE)
    return model


def _imported(module: str, asked: str) -> Any:
    with explained(
        f"{asked}: importing {module} raised",
        lambda e: FpcheckError(f"{asked}: cannot import {module}: {reason(e)}", _IMPORTABLE),
    ):
        return import_module(module)


def custom_objects(module: str | None) -> dict[str, Any]:
    """Every class and function that a module defines, by the names that files ask for."""
    import keras

    if module is None:
        return {}
    held = vars(_imported(module, f"--custom-objects {module}"))
    own = {n: v for n, v in held.items() if callable(v) and getattr(v, "__module__", "") == module}
    registered = {keras.saving.get_registered_name(v): v for v in own.values()}
    return {**own, **registered}


def _load_file(source: Source, options: Options) -> tuple[Any, str]:
    path, said = Path(source.target), f"{source.text}: cannot be loaded: its code raised"
    with raw_file(path, source.text) as file:
        kind = recognise(file)
        whole = kind.contains is not Contains.WEIGHTS and options.model is None
        written = kind.code.keras_version(file) if whole else None
    if options.model is not None:
        random, own = PathText("random"), options.custom_objects
        inner = Options(weights=random, custom_objects=own, trust=options.trust)
        model = load(parse(options.model), inner).model
        return _filled(model, source, f"--model {shown(options.model)}"), kind.name
    if not whole:
        fact = f"{source.text}: contains weights only, no architecture"
        raise FpcheckError(fact, NAME_ARCHITECTURE)
    objects = custom_objects(options.custom_objects)
    with explained(said, partial(_refused, source, written)), built_once():
        return kind.code.load(path, objects, not options.trust), kind.name


def _refused(source: Source, written: str | None, error: BaseException) -> FpcheckError:
    """Why Keras does not load a file; the levels that were read without Keras are compared."""
    import keras

    newer = is_newer(written, keras.__version__)
    fact = f"{source.text}: cannot be loaded"
    if newer:
        fact += f" (written by Keras {written}, and Keras {keras.__version__} is installed)"
    return UnavailableError(f"{fact}: {reason(error)}", remedy(error, newer, written))


def _filled(model: Any, weights: Source, name: str) -> Any:
    """A live model with the weights of a file; `name` says which model it is."""
    path, fact = Path(weights.target), f"{weights.text}: does not fit {name}"
    with raw_file(path, weights.text) as file:
        kind = recognise(file)
    if kind.contains is Contains.ARCHITECTURE:
        empty = f"{weights.text}: contains an architecture only, no weights"
        raise FpcheckError(empty, "Give a file of weights.")
    # What was read of the file without Keras holds all the same.
    with explained(
        f"{fact}: its code raised", lambda e: UnavailableError(f"{fact}: {reason(e)}", _FITTING)
    ):
        kind.code.load_weights(path, model)
    return model
