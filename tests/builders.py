"""Structures, fingerprints and goldens made by hand: pure parts are tested without Keras."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.fingerprint import outputs as measuring
from fpcheck.fingerprint import sketch, weights
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.outputs import Activation, Noise, Outputs
from fpcheck.fingerprint.probe_values import ProbeInput
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import Call, Edge, Layer, Port, Structure, Tensor
from fpcheck.golden.golden import Golden, Provenance, SourceRecord

Values = dict[str, Array]
UNTRAINED = {"moving_mean", "moving_variance"}
ENVIRONMENT = {"keras": "3.15.0", "tensorflow": "2.21.0"}


def layer(
    path: str, kind: str, *inputs: str, out: tuple[int | None, ...] = (None, 8), **config: Any
) -> Layer:
    """A layer without tensors, called once on what stands in `inputs`."""
    call = Call(tuple(Edge(name) for name in inputs), {}, (out,))
    return Layer(path, kind, False, "float32", config, {}, (call,), ())


def holding(bare: Layer, **shapes: tuple[int, ...]) -> Layer:
    """The layer with tensors, by role; their initializers are those of Keras."""
    initial = {"gamma": "Ones", "moving_variance": "Ones", "kernel": "GlorotUniform"}
    tensors = tuple(
        Tensor(role, place, shape, "float32", role not in UNTRAINED)
        for place, (role, shape) in enumerate(shapes.items())
    )
    training = {
        f"{role}_initializer": {"class": initial.get(role, "Zeros"), "config": {}}
        for role in shapes
    }
    return replace(bare, tensors=tensors, training=training)


def network(*layers: Layer, shape: tuple[int | None, ...] = (None, 8, 8, 3)) -> Structure:
    """A graph whose first layer is its input and whose last one is its output."""
    first, last = layers[0].path, layers[-1].path
    return Structure(
        "Functional",
        (Port(first, shape, "float32", Edge(first)),),
        (Port(last, layers[-1].output_shapes[-1], "float32", Edge(last)),),
        layers,
    )


def convolution(path: str, source: str, size: int, before: int, after: int) -> Layer:
    bare = layer(path, "Conv2D", source, out=(None, 8, 8, after), filters=after, padding="same")
    return holding(bare, kernel=(size, size, before, after), bias=(after,))


def normalisation(path: str, source: str, width: int) -> Layer:
    bare = layer(path, "BatchNormalization", source, out=(None, 8, 8, width), epsilon=1e-3)
    vectors = ("gamma", "beta", "moving_mean", "moving_variance")
    return holding(bare, **dict.fromkeys(vectors, (width,)))


def dense(path: str, source: str, before: int, after: int) -> Layer:
    bare = layer(path, "Dense", source, out=(None, after), units=after, activation="linear")
    return holding(bare, kernel=(before, after), bias=(after,))


def convnet(width: int = 8, size: int = 3) -> Structure:
    """Two convolutions of equal shape after a first one, normalised, with a dense head."""
    return network(
        layer("image", "InputLayer", out=(None, 8, 8, 3)),
        convolution("conv1", "image", size, 3, width),
        normalisation("norm1", "conv1", width),
        layer("relu1", "ReLU", "norm1", out=(None, 8, 8, width)),
        convolution("conv2", "relu1", size, width, width),
        convolution("conv3", "conv2", size, width, width),
        normalisation("norm2", "conv3", width),
        layer("pool", "GlobalAveragePooling2D", "norm2", out=(None, width)),
        dense("head", "pool", width, 10),
    )


def perceptron(width: int = 12) -> Structure:
    """Three dense layers, two of them of equal shape."""
    return network(
        layer("values", "InputLayer", out=(None, width)),
        dense("first", "values", width, width),
        dense("second", "first", width, width),
        dense("last", "second", width, 10),
        shape=(None, width),
    )


def trained(structure: Structure, seed: int = 0) -> Values:
    """Weights as training leaves them, by `layer/role`: no constants, no symmetry."""
    random = np.random.default_rng(seed)
    found: Values = {}
    for owner, tensor in structure.tensors:
        values = random.gamma(2.0, 0.2, tensor.shape) * random.choice([-1, 1], tensor.shape)
        positive = tensor.role in ("gamma", "moving_variance")
        found[f"{owner.path}/{tensor.role}"] = (
            np.abs(values) + 0.1 if positive else values
        ).astype(np.float32)
    return found


def fingerprint(
    structure: Structure, values: Mapping[str, Array] | None = None, **parts: Any
) -> Fingerprint:
    """A fingerprint with weights; those of `trained` if none are given."""
    values = trained(structure) if values is None else values
    measured = tuple(
        weights.measure(values[f"{owner.path}/{tensor.role}"], tensor.dtype)
        for owner, tensor in structure.tensors
    )
    return Fingerprint(structure, measured, **parts)


def bare(measured: Fingerprint) -> Fingerprint:
    """The fingerprint with digests of weights, and nothing else of them."""
    known = tuple(replace(m, details=None) for m in measured.weights or ())
    return replace(measured, weights=known)


def edited(structure: Structure, path: str, /, **changes: Any) -> Structure:
    """The structure with one layer changed."""
    return relayered(structure, lambda la: replace(la, **changes) if la.path == path else la)


def relayered(structure: Structure, change: Callable[[Layer], Layer]) -> Structure:
    return replace(structure, layers=tuple(change(item) for item in structure.layers))


def renamed(structure: Structure, names: Mapping[str, str]) -> Structure:
    """The structure with layers called otherwise, wherever they are named."""

    def edge(old: Edge | None) -> Edge | None:
        return old and replace(old, layer=names.get(old.layer, old.layer))

    def port(old: Port) -> Port:
        return replace(old, name=names.get(old.name, old.name), source=edge(old.source))

    def calls(old: Layer) -> tuple[Call, ...]:
        return tuple(replace(c, inputs=tuple(map(edge, c.inputs))) for c in old.calls or ())

    named = relayered(
        structure, lambda la: replace(la, path=names.get(la.path, la.path), calls=calls(la))
    )
    return replace(
        named, inputs=tuple(map(port, named.inputs)), outputs=tuple(map(port, named.outputs))
    )


def rewired(structure: Structure, path: str, *sources: str) -> Structure:
    """The structure with one layer fed by others."""
    old = next(item for item in structure.layers if item.path == path)
    assert old.calls is not None
    call = replace(old.calls[0], inputs=tuple(Edge(name) for name in sources))
    return edited(structure, path, calls=(call,))


def outputs(
    structure: Structure, logits: Array | None = None, final: Array | None = None, **changes: Any
) -> Outputs:
    """Outputs of one answer, with an activation for each layer; logits as of a fixed draw."""
    random = np.random.default_rng(7)
    drawn = random.normal(size=(4, 10)).astype(np.float32)
    logits = drawn if logits is None else logits
    found = Outputs(
        probes=Probes((ProbeInput(structure.inputs[0].name, "values", (8,), "float32", 1),)),
        preprocess="none",
        answers=(measuring.answer("head", logits, logits if final is None else final, False),),
        activations=tuple(activation(item.path) for item in structure.layers),
        environment=ENVIRONMENT,
        noise=Noise(0.0, 0.0, 0.0),
    )
    return replace(found, **changes)


def activation(path: str, seed: int = 0) -> Activation:
    values = np.random.default_rng(seed).normal(size=(4, 6))
    return Activation(path, 0, (4, 6), float(np.linalg.norm(values)), sketch.of_array(values))


def golden(measured: Fingerprint, name: str = "net", version: int = 1, **changes: Any) -> Golden:
    made = Golden(
        name=name,
        version=version,
        fingerprint=measured,
        note="trained by hand",
        tolerances=Tolerances(),
        provenance=Provenance("2026-11-23T12:00:00Z", "0.1.0", "3.11.7", "Linux", ENVIRONMENT),
        source=SourceRecord("net.keras", "keras-v3", None),
    )
    return replace(made, **changes)
