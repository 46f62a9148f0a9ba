"""Other layers, other connections, other inputs and outputs: weights fit wherever layers are."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers as kl

from benchmarks.detection.case import Case, Cases, Known, NotPossibleError, add, fault, given
from benchmarks.detection.graph import Config, Graph, changed, references
from benchmarks.detection.models import SPECS
from benchmarks.detection.subject import Subject

GROUP = "other layers and connections"


def _names(subject: Subject, *classes: str) -> list[str]:
    """Layers of the outermost model that are called once, by class."""
    layers = Graph(subject.model).layers
    once = [layer for layer in layers if len(layer.get("inbound_nodes", [])) == 1]
    return [layer["name"] for layer in once if layer["class_name"] in classes]


def _inputs(subject: Subject) -> list[Any]:
    return list(subject.model.inputs)


def _added(
    layer: Callable[[], Any], wanted: Callable[[Subject], list[str]], subject: Subject
) -> Cases:
    for name in subject.spread(wanted(subject)):
        added = layer().name

        def edit(graph: Graph, name: str = name) -> None:
            graph.insert_after(name, layer())

        yield Case(f"after {name}", changed(subject, edit), (added,), diverges=False)


def _float_inputs(subject: Subject) -> list[str]:
    return [x._keras_history.operation.name for x in _inputs(subject) if "float" in x.dtype]


def _activated(subject: Subject) -> list[str]:
    head = {reference[0] for reference in Graph(subject.model).config["output_layers"][:1]}
    return [n for n in _names(subject, "Conv2D", "Dense", "BatchNormalization") if n not in head]


ADDED: dict[str, tuple[str, Callable[[], Any], Callable[[Subject], list[str]]]] = {
    "rescaling-added": (
        "Rescaling inside the model, too",
        lambda: kl.Rescaling(1 / 127.5, -1.0, name="scaled"),
        _float_inputs,
    ),
    "activation-added": (
        "One activation too many",
        lambda: kl.Activation("tanh", name="squashed"),
        _activated,
    ),
    "identity-added": (
        "A layer too many that does nothing, so that the next of its class shifts",
        lambda: kl.Activation("linear", name="passed"),
        _activated,
    ),
}
for _name, (_says, _layer, _wanted) in ADDED.items():
    add(_name, GROUP, "layers-added", _says, partial(_added, _layer, _wanted))


def _removed(classes: tuple[str, ...], subject: Subject) -> Cases:
    for name in subject.spread(_names(subject, *classes)):
        candidate = changed(subject, partial(Graph.remove, name=name))
        yield Case(name, candidate, (name,), diverges=False)


REMOVED = {
    "activation-removed": ("An activation is missing", ("ReLU", "LeakyReLU", "Activation")),
    "norm-removed": ("A normalization is missing", ("BatchNormalization", "LayerNormalization")),
    "pool-removed": ("A pool is missing", ("MaxPooling2D", "AveragePooling2D")),
    "layer-removed": ("A layer with weights is missing", ("Conv2D", "Dense")),
}
for _name, (_says, _classes) in REMOVED.items():
    add(_name, GROUP, "layers-removed", _says, partial(_removed, _classes))


@fault("top-removed", GROUP, "layers-removed head-activation-changed")
def top_removed(subject: Subject) -> Cases:
    """The body alone: include_top=False."""
    outputs = Graph(subject.model).config["output_layers"]
    name = outputs[0][0] if isinstance(outputs[0], list) else outputs[0]
    single = len(subject.model.outputs) == 1
    if single:
        candidate = changed(subject, lambda graph: graph.remove(name))
        yield Case(name, candidate, (name,), diverges=False)


@fault("concat-order", GROUP, "graph-rewired")
def concat_order(subject: Subject) -> Cases:
    """The parts of a concatenation the other way round."""
    for name in _names(subject, "Concatenate"):

        def turn(graph: Graph, name: str = name) -> None:
            parts = graph.layer(name)["inbound_nodes"][0]["args"][0]
            parts.reverse()

        yield Case(name, changed(subject, turn), (name,))


@fault("skip-moved", GROUP, "graph-rewired")
def skip_moved(subject: Subject) -> Cases:
    """A residual connection that begins at another layer."""
    for name in subject.spread(_names(subject, "Add")):
        yield Case(name, changed(subject, partial(_move_skip, name)), (name,))


def _move_skip(name: str, graph: Graph) -> None:
    """Feed one part of an addition from what feeds that part's layer, which others use, too."""
    first, second, *_ = graph.feeds(name)
    for part in (second, first):
        used = [
            r for la in graph.layers for r in references(la["inbound_nodes"]) if r[0] == part[0]
        ]
        for fed in graph.feeds(part[0])[:1] if len(used) > 1 else ():
            tensors = [graph.model.get_layer(n).output for n in (part[0], fed[0])]
            if tensors[0].shape == tensors[1].shape and fed not in (first, second):
                part[:] = fed
                return
    raise NotPossibleError("no other layer of that shape before it")


@fault("sharing-lost", GROUP, "sharing-lost")
def sharing_lost(subject: Subject) -> Cases:
    """A layer that is called twice becomes two layers with the same weights."""
    for layer in Graph(subject.model).layers:
        if len(layer.get("inbound_nodes", [])) > 1:

            def make(name: str = layer["name"]) -> keras.Model:
                graph = Graph(subject.model)
                _split(graph, name)
                model = graph.built()
                model.get_layer(f"{name}_2").set_weights(
                    subject.model.get_layer(name).get_weights()
                )
                return model

            yield Case(layer["name"], given(make), (layer["name"],), diverges=False)


def _split(graph: Graph, name: str) -> None:
    layer = graph.layer(name)
    first, second = layer["inbound_nodes"]
    other = f"{name}_2"
    for one in graph.layers:
        for reference in references(one.get("inbound_nodes", [])):
            if reference[:2] == [name, 1]:
                reference[:2] = [other, 0]
    twin: Config = {
        **layer,
        "name": other,
        "config": {**layer["config"], "name": other},
        "inbound_nodes": [second],
    }
    layer["inbound_nodes"] = [first]
    graph.layers.insert(graph.layers.index(layer) + 1, twin)


@fault("input-size", GROUP, "input-changed")
def input_size(subject: Subject) -> Cases:
    """Images of another size, where the model takes any."""
    (first, *others) = _inputs(subject)
    if others or len(first.shape) != 4 or None in first.shape[1:]:
        return
    name = first._keras_history.operation.name

    def edit(graph: Graph) -> None:
        shape = graph.layer(name)["config"]["batch_shape"]
        shape[1:3] = [2 * shape[1], 2 * shape[2]]

    # The probes no longer fit, so that nothing is run.
    yield Case(name, changed(subject, edit, same_output=True), (name,), diverges=False)


@fault("input-dtype", GROUP, "input-changed dtype-changed")
def input_dtype(subject: Subject) -> Cases:
    """Numbers of another dtype are taken."""
    dtypes = {"int32": "int64", "float32": "float64"}
    for tensor in _inputs(subject)[:1]:
        name = tensor._keras_history.operation.name
        if tensor.dtype in dtypes:

            def edit(graph: Graph, name: str = name, dtype: str = dtypes[tensor.dtype]) -> None:
                graph.layer(name)["config"]["dtype"] = dtype

            yield Case(name, changed(subject, edit), (name,))


def _reversed(key: str, subject: Subject) -> Cases:
    held = Graph(subject.model).config[key]
    if isinstance(held[0], list) and len(held) > 1:
        yield Case(key, changed(subject, lambda graph: graph.config[key].reverse()))


add(
    "input-order",
    GROUP,
    "input-changed",
    "The inputs the other way round",
    partial(_reversed, "input_layers"),
)
add(
    "output-order",
    GROUP,
    "outputs-reordered",
    "The outputs the other way round",
    partial(_reversed, "output_layers"),
)


@fault("head-linear", GROUP, "head-activation-changed")
def head_linear(subject: Subject) -> Cases:
    """The last softmax or sigmoid is missing."""
    for name, activation in _squashed(subject):

        def edit(graph: Graph, name: str = name) -> None:
            graph.layer(name)["config"]["activation"] = "linear"

        if activation:
            yield Case(name, changed(subject, edit), (name,))


def _squashed(subject: Subject) -> list[tuple[str, str]]:
    """Output layers, with the activation that squashes their result."""
    found = []
    for tensor in subject.model.outputs:
        config = tensor._keras_history.operation.get_config()
        if config.get("activation") in ("softmax", "sigmoid"):
            found.append((config["name"], config["activation"]))
    return found


@fault("softmax-twice", GROUP, "head-activation-changed layers-added")
def softmax_twice(subject: Subject) -> Cases:
    """A softmax behind the softmax."""
    for name, _ in _squashed(subject):

        def edit(graph: Graph, name: str = name) -> None:
            graph.insert_after(name, kl.Softmax(name="softmax_again"))

        yield Case(name, changed(subject, edit))


def _called_with(argument: str, classes: tuple[str, ...], subject: Subject) -> Cases:
    for name in subject.spread(_names(subject, *classes)):

        def edit(graph: Graph, name: str = name) -> None:
            for node in graph.layer(name)["inbound_nodes"]:
                node["kwargs"][argument] = True

        yield Case(name, changed(subject, edit), (name,))


add(
    "dropout-on",
    GROUP,
    "training-mode-on",
    "A Dropout called with training=True",
    partial(_called_with, "training", ("Dropout",)),
)
add(
    "norm-training",
    GROUP,
    "training-mode-on",
    "A BatchNormalization called with training=True",
    partial(_called_with, "training", ("BatchNormalization",)),
)
add(
    "causal-mask",
    GROUP,
    "config-changed graph-rewired",
    "Attention with a causal mask",
    partial(_called_with, "use_causal_mask", ("MultiHeadAttention",)),
)


@fault("policy", GROUP, "dtype-changed")
def policy(subject: Subject) -> Cases:
    """Built again under another dtype policy."""
    for name in ("mixed_bfloat16", "float16"):
        yield Case(name, changed(subject, partial(_with_policy, name)))


def _with_policy(name: str, graph: Graph) -> None:
    for _, layer in graph.every():
        if layer["class_name"] != "InputLayer" and "dtype" in layer["config"]:
            layer["config"]["dtype"] = name


@fault("other-architecture", GROUP, "wrong-architecture")
def other_architecture(subject: Subject) -> Cases:
    """Another network; another golden is the right one for it."""
    other = "pictures" if subject.name != "pictures" else "table"
    build = given(SPECS[other].build)
    yield Case(other, build, mentions=other, known=Known(other, build))
