"""Weights and configuration are right, and yet the model computes something else."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import keras

from benchmarks.detection import custom, functions
from benchmarks.detection.case import Case, Cases, fault, given
from benchmarks.detection.graph import Graph, changed
from benchmarks.detection.subject import Subject, rebuilt

GROUP = "same weights, other behaviour"
HERE = "benchmarks.detection.functions"


@fault("derived-state-stale", GROUP, "derived-state-stale")
def derived_state_stale(subject: Subject) -> Cases:
    """Normalization computes with what it was built with, not with the weights set later."""
    names = [p for p, slots in subject.layers.items() if slots[0].kind == "Normalization"]

    def make() -> keras.Model:
        model = rebuilt(subject.model)
        model.set_weights(subject.model.get_weights())
        return model

    for name in names:
        yield Case(name, given(make), (name,))


def _reordered(words: list[str]) -> list[str]:
    return words[::-1]


def _one_other(words: list[str]) -> list[str]:
    return [*words[:-1], "gnu"]


@fault("vocabulary", GROUP, "vocabulary-changed")
def vocabulary(subject: Subject) -> Cases:
    """The words of a lookup in another order, or one word replaced."""
    for path, layer in Graph(subject.model).every():
        for change in (_reordered, _one_other) if layer["config"].get("vocabulary") else ():

            def edit(graph: Graph, path: str = path, change: Any = change) -> None:
                config = dict(graph.every())[path]["config"]
                config["vocabulary"] = change(config["vocabulary"])

            yield Case(f"{path} {change.__name__.strip('_')}", changed(subject, edit), (path,))


def _gates(subject: Subject) -> tuple[str, ...]:
    return tuple(la.name for la in subject.model.layers if isinstance(la, custom.Gate))


@contextmanager
def _with_body(subject: Subject, body: Callable[..., Any]) -> Iterator[keras.Model]:
    with patch.object(custom.Gate, "call", body):
        yield subject.model


@fault("custom-code", GROUP, "custom-code-changed")
def custom_code(subject: Subject) -> Cases:
    """A custom layer of the same name whose code was edited."""
    if gates := _gates(subject):
        yield Case("Gate.call", partial(_with_body, subject, custom.other_call), gates)


@fault("random-layer", GROUP, "nondeterministic custom-code-changed")
def random_layer(subject: Subject) -> Cases:
    """A custom layer that gives another result each time."""
    if gates := _gates(subject):
        yield Case("Gate.call", partial(_with_body, subject, custom.noisy_call), gates)


@fault("hidden-attribute", GROUP, "custom-code-changed config-changed")
def hidden_attribute(subject: Subject) -> Cases:
    """An attribute of a custom layer that its configuration does not hold."""
    for name in _gates(subject):
        layer = subject.model.get_layer(name)
        yield Case(name, partial(_with_attribute, subject, layer, "offset", 0.75), (name,))


@contextmanager
def _with_attribute(subject: Subject, layer: Any, name: str, value: Any) -> Iterator[keras.Model]:
    with patch.object(layer, name, value):
        yield subject.model


@fault("builtin-shadows", GROUP, "builtin-redefined custom-code-changed config-changed")
def builtin_shadows(subject: Subject) -> Cases:
    """A user's `relu` was loaded as the built-in of that name."""
    for layer in subject.model.layers:
        if getattr(layer, "activation", None) is functions.relu:
            replaced = partial(_with_attribute, subject, layer, "activation")
            yield Case(layer.name, partial(replaced, keras.activations.relu), (layer.name,))


@fault("builtin-shadowed", GROUP, "builtin-redefined custom-code-changed config-changed")
def builtin_shadowed(subject: Subject) -> Cases:
    """A user's own approximate `gelu` in place of the built-in."""
    layers = [
        layer
        for layer in subject.model.layers
        if getattr(layer, "activation", None) is keras.activations.gelu
    ]
    for layer in subject.spread(layers):
        replaced = partial(_with_attribute, subject, layer, "activation", functions.gelu)
        yield Case(layer.name, replaced, (layer.name,))


@contextmanager
def _old_hard_sigmoid(subject: Subject) -> Iterator[keras.Model]:
    """Keras 2's function under Keras 3's name: the very object gets another body."""
    now = keras.activations.hard_sigmoid
    kept = now.__code__
    now.__code__ = functions.keras2_hard_sigmoid.__code__
    try:
        yield subject.model
    finally:
        now.__code__ = kept


@fault("hard-sigmoid", GROUP, "builtin-redefined")
def hard_sigmoid(subject: Subject) -> Cases:
    """A built-in activation that means another function in another version of Keras."""
    layers = tuple(
        layer.name
        for layer in subject.model.layers
        if getattr(layer, "recurrent_activation", None) is keras.activations.hard_sigmoid
    )
    if layers:
        # In truth the version of Keras differs, so that outputs are not proved but run.
        full = {"full": True}
        yield Case(layers[0], partial(_old_hard_sigmoid, subject), layers, options=full)


@fault("preprocessing", GROUP, "preprocessing-changed")
def preprocessing(subject: Subject) -> Cases:
    """The same model behind other preprocessing: another mode, twice, none, BGR."""
    if subject.spec.preprocess == "none":
        return
    modes = ["tf", "torch", "caffe"] if subject.model.inputs[0].shape[-1] == 3 else []
    own = ["twice", "unit", "untouched"] if subject.spec.preprocess == "tf" else []
    if own and modes:
        own.append("reversed_before")
    for name in [*modes, *(f"{HERE}:{name}" for name in own)]:
        if name != subject.spec.preprocess:
            candidate = given(lambda: subject.model)
            yield Case(name.removeprefix(f"{HERE}:"), candidate, options={"preprocess": name})


def _rounded(x: Any, bits: int) -> Any:
    """A float32 tensor with so many bits fewer, rounded half up, as tensor cores read it."""
    import tensorflow as tf

    whole = tf.bitcast(tf.cast(x, tf.float32), tf.int32) + (1 << (bits - 1))
    return tf.bitcast(tf.bitwise.bitwise_and(whole, -(1 << bits)), tf.float32)


# What TF32 and bfloat16 leave out of the 23 bits of float32.
LESS = {"TF32": 13, "bfloat16": 16}


@contextmanager
def _imprecise(subject: Subject, bits: int) -> Iterator[keras.Model]:
    """Every product of matrices and every convolution on rounded operands."""
    backend = keras.src.backend
    places = ((backend.nn, "conv"), (backend.nn, "depthwise_conv"), (backend.numpy, "matmul"))
    with ExitStack() as stack:
        for module, name in places:
            original = getattr(module, name)

            def rounded(x: Any, y: Any, *rest: Any, original: Any = original, **more: Any) -> Any:
                return original(_rounded(x, bits), _rounded(y, bits), *rest, **more)

            stack.enter_context(patch.object(module, name, rounded))
        yield subject.model


@fault("arithmetic", GROUP, "numeric-environment")
def arithmetic(subject: Subject) -> Cases:
    """Products of matrices in TF32 or bfloat16, as on other hardware."""
    for name, bits in LESS.items():
        # In truth the environment differs, so that outputs are not proved but run.
        yield Case(name, partial(_imprecise, subject, bits), options={"full": True})
