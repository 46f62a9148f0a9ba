"""Running a live model on probes: logits, final outputs, and the result of every layer."""

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from fpcheck.backends import BACKENDS
from fpcheck.codec import Array
from fpcheck.errors import UnavailableError
from fpcheck.fingerprint.outputs import Activation, Answer, answer, kept
from fpcheck.fingerprint.structure import Structure
from fpcheck.model.layer_watch import SQUASHING, LayerWatch, is_text, running_backend, to_numpy
from fpcheck.model.live_graph import output_names, walk
from fpcheck.model.refusal_reasons import reason
from fpcheck.model.user_code import attempt, raised

# Inputs around which activations bend. It is a row, since softmax needs an axis.
GRID = np.linspace(-8.0, 8.0, 65, dtype=np.float32)[None]


@contextmanager
def watched(model: Any, watch: LayerWatch) -> Iterator[None]:
    """A context in which every layer of the model reports to the watch."""
    with ExitStack() as changed:
        for place in walk(model):
            if place.covered:
                continue
            layer = place.layer
            if getattr(layer, "call", None) is not None:
                quantized = getattr(layer, "quantization_mode", None) is not None
                name = "quantized_call" if quantized else "call"
                _report(changed, layer, name, partial(watch.called, place.path, layer))
            function = getattr(layer, "activation", None)
            if getattr(function, "__name__", None) in SQUASHING:
                _report(changed, layer, "activation", partial(watch.passed, squashed=True))
        yield


def _report(changed: ExitStack, layer: Any, name: str, to: Callable[[Any, Any], None]) -> None:
    """Have a function of a layer report its first argument and its result, until `changed` ends."""
    original = getattr(layer, name)

    def reporting(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        to(args[0] if args else None, result)
        return result

    # Keras's own __setattr__ would track the value.
    if name in vars(layer):
        changed.callback(object.__setattr__, layer, name, vars(layer)[name])
    else:
        changed.callback(object.__delattr__, layer, name)
    object.__setattr__(layer, name, reporting)


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


def _tensors(arrays: list[Any]) -> list[Any]:
    """The arrays as a model takes them: all as tensors if one is text, which a backend may lack."""
    import keras

    if not any(map(is_text, arrays)):
        return arrays
    backend = running_backend()
    if backend.text is None:
        others = " or ".join(f"--backend {b.name}" for b in BACKENDS.values() if b.text)
        fact = f"the model takes text, which Keras cannot give it on {backend.name}"
        raise UnavailableError(fact, f"Choose {others}, or --levels structure,weights.")
    return [backend.text(a) if is_text(a) else keras.ops.convert_to_tensor(a) for a in arrays]


# The answer of each output, and the activations if they are asked for.
Run = tuple[tuple[Answer, ...], tuple[Activation, ...]]
# Outputs, and for each its logits and whether a softmax or sigmoid squashes them.
Forward = tuple[list[Any], list[tuple[Any, bool]]]
Caller = Callable[[Any, list[Any], LayerWatch], Forward]


def forward(model: Any, arrays: list[Any], watch: LayerWatch) -> Forward:
    """One run in inference mode."""
    import keras

    with watched(model, watch):
        outputs = keras.tree.flatten(_call(model, arrays))
    return outputs, [watch.logits(output) for output in outputs]


def _call(model: Any, arrays: list[Any]) -> Any:
    mode = {"training": False} if model._call_has_training_arg else {}
    tensors = _tensors(arrays)
    if len(tensors) > 1 and getattr(model, "_inputs_struct", None) is None:
        # `call` of a subclassed model may take its inputs as separate arguments.
        takes = inspect.signature(model.call).parameters.values()
        required = [p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in takes]
        if sum(required) == len(tensors):
            return model(*tensors, **mode)
    return model(_packed(model, tensors), **mode)


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
    with restored([*fixed, *(s for s in states if hasattr(s, "assign"))]):
        yield


@contextmanager
def restored(variables: list[Any]) -> Iterator[None]:
    """A context that restores the values of variables."""
    import keras

    before = [keras.ops.copy(variable.value) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def run(
    model: Any, arrays: list[Array], *, activations: bool = False, forward: Caller = forward
) -> Run:
    """Run a built model on its prepared inputs, of shape (probes, ...) each.

    `activations` also reduces what every layer returns. Tests and benchmarks have another `forward`
    call the model.

    Raises:
        UnavailableError: the model cannot be run on these inputs.
    """
    try:
        with ThreadPoolExecutor(1) as pool, running_backend().inference(), unchanged(model):
            watch = LayerWatch(pool if activations else None)
            outputs, before = forward(model, arrays, watch)
    except UnavailableError:
        raise
    except Exception as error:  # the code of a model may raise any class
        raise _not_run(error) from error
    if any(is_text(to_numpy(output)) for output in outputs):
        fact = "the model's outputs are text, which cannot be compared as numbers"
        raise UnavailableError(fact, "Leave outputs out: --levels structure,weights.")
    names = output_names(model, len(outputs))
    answers = tuple(
        answer(name, to_numpy(logits), to_numpy(final), squashed)
        for name, final, (logits, squashed) in zip(names, outputs, before, strict=True)
    )
    return answers, watch.activations()


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
        correct = f"Correct the code there, give {inputs}"
        return UnavailableError(f"{fact}: its code raised {cause}", correct)
    return UnavailableError(f"{fact}: {reason(error)}", f"Give {inputs}")


def predicted(model: Any, arrays: list[Array]) -> tuple[Array, ...] | None:
    """What `predict` returns for each output, as goldens keep it; None if it raises."""
    import keras

    def predict() -> Any:
        with unchanged(model):
            # The model's code may have changed since Keras traced it.
            model.make_predict_function(force=True)
            inputs = _packed(model, _tensors(arrays))
            return model.predict(inputs, batch_size=len(arrays[0]), verbose=0)

    outputs = attempt(predict, None)  # a subclassed model may take its inputs in another form
    if outputs is None:
        return None
    return tuple(kept(np.asarray(output)) for output in keras.tree.flatten(outputs))


def named_functions(structure: Structure) -> dict[str, Array]:
    """The values on `GRID` of every activation that the structure names, float32 (65,).

    A model only names them: later a name may mean another function.
    """
    names = sorted({name for layer in structure.layers for name in _names(layer.config)})
    # None for a function of the model's own, or one with more arguments.
    found = {name: attempt(partial(_on_grid, name), None) for name in names}
    return {name: values for name, values in found.items() if values is not None}


def _on_grid(name: str) -> Array | None:
    import keras

    values = keras.activations.get(name)(keras.ops.convert_to_tensor(GRID))
    return to_numpy(values).astype(np.float32).ravel()


def _names(config: Any) -> Iterator[str]:
    for key, value in config.items() if isinstance(config, dict) else ():
        if str(key).endswith("activation") and isinstance(value, str):
            yield value
        yield from _names(value)
