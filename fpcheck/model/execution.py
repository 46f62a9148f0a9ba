"""Running a live model on probes: logits, final outputs, and the result of every layer."""

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from fpcheck.backends import BACKENDS
from fpcheck.codec import Array
from fpcheck.errors import UnavailableError
from fpcheck.fingerprint.outputs import Activation, Answer, answer, kept
from fpcheck.model import live_graph
from fpcheck.model.layer_walk import Place, walk
from fpcheck.model.recorder import SQUASHING, Recorder, running_backend, to_numpy
from fpcheck.model.refusal_reasons import reason
from fpcheck.model.user_code import raised


@contextmanager
def watched(model: Any, recorder: Recorder) -> Iterator[None]:
    """A context in which every layer of the model reports to the recorder."""
    changed: list[tuple[Any, str, Any]] = []

    def replace(layer: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(layer, name)
        changed.append((layer, name, vars(layer).get(name, _MISSING)))
        # Keras's own __setattr__ would track the value.
        object.__setattr__(layer, name, make(original))

    try:
        for place in walk(model):
            if place.covered:
                continue
            layer = place.layer
            if getattr(layer, "call", None) is not None:
                quantized = getattr(layer, "quantization_mode", None) is not None
                replace(layer, "quantized_call" if quantized else "call", _calling(recorder, place))
            function = getattr(layer, "activation", None)
            if getattr(function, "__name__", None) in SQUASHING:
                replace(layer, "activation", _squashing(recorder))
        yield
    finally:
        for layer, name, own in reversed(changed):
            if own is _MISSING:
                object.__delattr__(layer, name)
            else:
                object.__setattr__(layer, name, own)


_MISSING = object()


def _calling(recorder: Recorder, place: Place) -> Callable[[Any], Any]:
    def wrap(original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            recorder.called(place.path, place.layer, args[0] if args else None, result)
            return result

        return call

    return wrap


def _squashing(recorder: Recorder) -> Callable[[Any], Any]:
    def wrap(original: Any) -> Any:
        def activation(given: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(given, *args, **kwargs)
            recorder.passed(given, result, squashed=True)
            return result

        return activation

    return wrap


def _packed(model: Any, tensors: list[Any]) -> Any:
    """The tensors of all inputs, in the structure that the model takes."""
    import keras

    shape = getattr(model, "_inputs_struct", None)
    if shape is not None:
        return keras.tree.pack_sequence_as(shape, tensors)
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    if len(shapes) == 1 and isinstance(only := next(iter(shapes.values())), dict):
        return dict(zip(only, tensors, strict=True))
    return tensors[0] if len(tensors) == 1 else tensors


def _is_text(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind in "OSU"


def _tensors(arrays: list[Any]) -> list[Any]:
    """The arrays as a model takes them. If one is text, all of them must be tensors.

    Raises:
        UnavailableError: the backend has no text.
    """
    import keras

    if not any(map(_is_text, arrays)):
        return arrays
    backend = running_backend()
    if backend.text is None:
        others = " or ".join(f"--backend {b.name}" for b in BACKENDS.values() if b.text)
        raise UnavailableError(
            f"the model takes text, which Keras cannot give it on {backend.name}",
            f"Choose {others}, or --levels structure,weights.",
        )
    return [backend.text(a) if _is_text(a) else keras.ops.convert_to_tensor(a) for a in arrays]


# Outputs, and for each its logits and whether a softmax or sigmoid squashes them.
Forward = tuple[list[Any], list[tuple[Any, bool]]]


def forward(model: Any, arrays: list[Any], recorder: Recorder) -> Forward:
    """One run in inference mode."""
    import keras

    with watched(model, recorder):
        outputs = keras.tree.flatten(_call(model, arrays))
    return outputs, [recorder.logits(output) for output in outputs]


def _call(model: Any, arrays: list[Any]) -> Any:
    mode = {"training": False} if model._call_has_training_arg else {}
    tensors = _tensors(arrays)
    if 1 < len(tensors) == _required_arguments(model):
        return model(*tensors, **mode)
    return model(_packed(model, tensors), **mode)


def _required_arguments(model: Any) -> int:
    """How many inputs `call` of a subclassed model takes as separate arguments; otherwise 1."""
    if getattr(model, "_inputs_struct", None) is not None:
        return 1
    empty = inspect.Parameter.empty
    parameters = inspect.signature(model.call).parameters.values()
    return sum(p.default is empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """A context that restores what a run of a model changes: counters and recurrent states.

    Seeds are not restored: a random result must differ from run to run, so that it is noticed.
    """
    import keras

    layers = [place.layer for place in walk(model)]
    fixed = [v for la in layers for v in getattr(la, "_non_trainable_variables", None) or []]
    # A stateful recurrent layer's states are None until it is built.
    states = [s for la in layers for s in keras.tree.flatten(getattr(la, "states", None) or [])]
    changing = [*fixed, *(s for s in states if hasattr(s, "assign"))]
    kept = [(v, keras.ops.copy(v.value)) for v in changing]
    try:
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)


def run(
    model: Any,
    arrays: list[Array],
    *,
    activations: bool = False,
    forward: Callable[[Any, list[Any], Recorder], Forward] = forward,
) -> tuple[tuple[Answer, ...], tuple[Activation, ...]]:
    """Run a model on prepared inputs.

    Args:
        model: a built Keras model.
        arrays: one for each input, shape (probes, ...).
        activations: also reduce what every layer returns.
        forward: calls the model, which tests and benchmarks do in another way.

    Raises:
        UnavailableError: the model cannot be run on these inputs.
    """
    try:
        with ThreadPoolExecutor(1) as pool, running_backend().inference(), unchanged(model):
            recorder = Recorder(pool if activations else None)
            outputs, before = forward(model, arrays, recorder)
    except UnavailableError:
        raise
    except Exception as error:  # the code of a model may raise any class
        raise _not_run(error) from error
    if any(to_numpy(output).dtype.kind in "OSU" for output in outputs):
        raise UnavailableError(
            "the model's outputs are text, which cannot be compared as numbers",
            "Leave outputs out: --levels structure,weights.",
        )
    names = live_graph.output_names(model, len(outputs))
    answers = tuple(
        answer(name, to_numpy(logits), to_numpy(final), squashed)
        for name, final, (logits, squashed) in zip(names, outputs, before, strict=True)
    )
    return answers, recorder.activations()


def _not_run(error: Exception) -> UnavailableError:
    """Why a model cannot be run on its probes."""
    if "Table not initialized" in str(error):
        return UnavailableError(
            "the model cannot be run: the vocabulary of a lookup layer is not in its file",
            "Save the model as .keras, which keeps vocabularies, or leave outputs out: "
            "--levels structure,weights.",
        )
    fact = "the model cannot be run on its probes"
    inputs = "inputs that it accepts with --probes FILE.npz, or choose --levels structure,weights."
    if cause := raised(error, reason):
        advice = f"Correct the code there, give {inputs}"
        return UnavailableError(f"{fact}: its code raised {cause}", advice)
    return UnavailableError(f"{fact}: {reason(error)}", f"Give {inputs}")


def predicted(model: Any, arrays: list[Array]) -> tuple[Array, ...] | None:
    """What `predict` returns for each output, as goldens keep it; None if it raises."""
    import keras

    try:
        with unchanged(model):
            # The model's code may have changed since Keras traced it.
            model.make_predict_function(force=True)
            tensors = _tensors(arrays)
            outputs = model.predict(_packed(model, tensors), batch_size=len(arrays[0]), verbose=0)
    except Exception:  # a subclassed model may take its inputs in another form
        return None
    return tuple(kept(np.asarray(output)) for output in keras.tree.flatten(outputs))
