"""What is read of a file is what the live model tells, wherever the file says it."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as kl

from fpcheck.comparison.compare import compare_fingerprints
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.files.dataset import Dataset
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import Structure
from fpcheck.formats.assembly import assemble
from fpcheck.formats.model_file import ModelFile
from fpcheck.formats.tensor_groups import LayerTensors
from fpcheck.keras_config import builtin_layers
from fpcheck.keras_config.model_config import draft
from fpcheck.model import live_structure, loader
from fpcheck.model.applications import APPLICATIONS
from fpcheck.model.live_model import LiveKerasModel
from fpcheck.model.source import Options, parse

MODELS = importlib.import_module("models")


def masked() -> keras.Model:
    words = keras.Input((7,), dtype="int32", name="words")
    x = kl.Embedding(20, 6, mask_zero=True, name="embedding")(words)
    x = kl.Bidirectional(kl.GRU(4, return_sequences=True, reset_after=False), name="both")(x)
    return keras.Model(words, kl.LSTM(3, name="lstm")(x))


def named_both_ways() -> keras.Model:
    x = keras.Input((3, 4), name="x")
    backward = kl.GRU(2, go_backwards=True, name="aft")
    layer = kl.Bidirectional(kl.GRU(2, name="forth"), backward_layer=backward, name="both")
    return keras.Model(x, layer(x))


def chain_with_masks() -> keras.Model:
    return keras.Sequential(
        [kl.Input((5,)), kl.Embedding(10, 4, mask_zero=True), kl.LSTM(3), kl.Dense(2, "softmax")]
    )


def attention() -> keras.Model:
    x = keras.Input((6, 8), name="x")
    y = kl.MultiHeadAttention(2, 4, name="many")(x, x, use_causal_mask=True)
    y = kl.GroupQueryAttention(4, 4, 2, name="grouped")(y, x)
    y = kl.LayerNormalization(name="norm")(kl.Add(name="sum")([x, y]))
    return keras.Model(x, kl.AdditiveAttention(name="additive")([y, x]))


def operations() -> keras.Model:
    x = keras.Input((8, 4), name="x")
    y = keras.ops.concatenate([x[:, :4] * 2.0, x[:, 4:] + 1.0], axis=1)
    return keras.Model(x, kl.Dense(3, name="head")(keras.ops.mean(y, axis=1)))


def preprocessing() -> keras.Model:
    number, word = keras.Input((3,), name="number"), keras.Input((), dtype="string", name="word")
    norm = kl.Normalization(name="norm")
    norm.adapt(np.arange(12, dtype=np.float32).reshape(4, 3))
    lookup = kl.StringLookup(vocabulary=["cat", "dog"], output_mode="one_hot", name="lookup")
    joined = kl.Concatenate(name="join")([norm(number), lookup(word)])
    return keras.Model({"number": number, "word": word}, kl.Dense(2, name="head")(joined))


def text_vectors() -> keras.Model:
    vectors = kl.TextVectorization(output_mode="tf_idf", name="vectors")
    vectors.adapt(["the cat", "the dog sat"])
    text = keras.Input((), dtype="string", name="text")
    return keras.Model(text, kl.Dense(2, name="head")(vectors(text)))


@keras.saving.register_keras_serializable("tests")
class Louder(keras.Model):
    """Has a number and a layer of its own, beside what its layers are."""

    def __init__(self, factor: float = 1.0, first: keras.Layer | None = None, **rest: Any) -> None:
        super().__init__(**rest)
        self.factor = factor
        self.first = first or kl.Rescaling(0.5, name="half")
        self.dense = kl.Dense(3, name="dense")

    def call(self, x: Any) -> Any:
        return self.dense(self.first(x)) * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "first": self.first}


@keras.saving.register_keras_serializable("tests")
class LouderGraph(keras.Model):
    """The same for a model with a graph."""

    def __init__(self, *ends: Any, factor: float = 1.0, **rest: Any) -> None:
        super().__init__(*ends, **rest)
        self.factor = factor

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return keras.tree.map_structure(
            lambda x: x * self.factor, super().call(inputs, training=training, mask=mask)
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


def louder(factor: float = 1.0) -> keras.Model:
    model = Louder(factor, name="louder")
    model(np.zeros((1, 4), np.float32))
    return model


def louder_graph(factor: float = 1.0) -> keras.Model:
    x = keras.Input((4,), name="x")
    return LouderGraph(x, kl.Dense(3, name="dense")(x), factor=factor, name="louder")


def louder_inside(factor: float = 1.0) -> keras.Model:
    x = keras.Input((4,), name="y")
    return keras.Model(x, louder_graph(factor)(x))


@keras.saving.register_keras_serializable("tests")
class OwnDense(kl.Dense):
    """A custom class with all that a layer of the framework has."""


def wrapped() -> keras.Model:
    x = keras.Input((3, 4), name="x")
    inner = keras.Sequential([kl.Dense(3, name="one"), OwnDense(2, name="two")], name="inner")
    return keras.Model(x, kl.TimeDistributed(inner, name="each")(x))


def lambda_activation() -> keras.Model:
    x = keras.Input((4,), name="x")
    return keras.Model(x, kl.Dense(3, activation=lambda y: y * 2, name="dense")(x))


def quantized(mode: str = "int8") -> keras.Model:
    model = keras.Sequential([kl.Input((8,)), kl.Dense(8, name="a"), kl.Dense(3, name="b")])
    model.quantize(mode)
    return model


def quantized_to_int4() -> keras.Model:
    return quantized("int4")


def quantized_to_float8() -> keras.Model:
    return quantized("float8")


@keras.saving.register_keras_serializable("tests")
def bent(x: Any) -> Any:
    """A function that is not the framework's."""
    return keras.ops.tanh(x) * 1.5


@keras.saving.register_keras_serializable("tests")
class OwnCell(kl.SimpleRNNCell):
    """A cell of custom class."""


def own_cells() -> keras.Model:
    cells = kl.RNN([OwnCell(4, name="own"), kl.GRUCell(3, name="gru")], name="stacked")
    return keras.Sequential([kl.Input((5, 3)), kl.Bidirectional(cells, name="both")])


def own_functions_inside() -> keras.Model:
    first = kl.LSTM(3, activation=bent, return_sequences=True, name="lstm")
    second = kl.Bidirectional(kl.RNN(kl.LSTMCell(2, recurrent_activation=bent)), name="both")
    return keras.Sequential([kl.Input((5, 3)), first, second])


@keras.saving.register_keras_serializable("tests")
class Scale(kl.Layer):
    """Says nothing of shapes, so that Keras cannot trace a model that it is distributed in."""

    def build(self, shape: Any) -> None:
        self.factor = self.add_weight(shape=(shape[-1],), name="factor")
        self.seen = self.add_weight(shape=(), name="seen", dtype="int32", trainable=False)

    def call(self, x: Any) -> Any:
        return x * self.factor


def untraced() -> keras.Model:
    each = kl.TimeDistributed(Scale(name="scale"), name="each")
    model = keras.Sequential([kl.Input((5, 3)), each, kl.Dense(2, name="dense")])
    model(np.zeros((1, 5, 3), np.float32))
    return model


def numbered_inside() -> keras.Model:
    kl.Dense(1), Scale()  # so that the names of others have running numbers
    inner = keras.Sequential([kl.Input((3,)), Scale(), kl.Dense(2), kl.Dense(2)])
    return keras.Sequential([kl.Input((5, 3)), kl.TimeDistributed(inner, name="each")])


def adapted() -> keras.Model:
    x = keras.Input((6,), dtype="int32", name="x")
    y = kl.Embedding(300, 40, name="words")(x)
    y = kl.EinsumDense("abc,cd->abd", (None, 60), name="einsum")(y)
    y = kl.Conv1D(50, 3, name="conv")(y)
    model = keras.Model(x, kl.Dense(7, name="dense")(y))
    for layer in model.layers[1:]:
        layer.enable_lora(4, lora_alpha=6)
    for variable in model.weights:
        if "lora" in variable.name:
            variable.assign(keras.random.normal(variable.shape, seed=3))
    return model


def weighted_words() -> keras.Model:
    plain = {"vocabulary": ["a", "b"], "idf_weights": [0.3, 1.9], "output_mode": "tf_idf"}
    x = keras.Input((4,), dtype="string", name="x")
    padded = {"pad_to_max_tokens": True, "max_tokens": 6}
    parts = [
        kl.StringLookup(**plain, num_oov_indices=2, name="lookup")(x),
        kl.StringLookup(**plain, **padded, name="padded")(x),
    ]
    return keras.Model(x, kl.Concatenate(name="both")(parts))


def spectral() -> keras.Model:
    x = keras.Input((6, 4), name="x")
    y = kl.SpectralNormalization(kl.Conv1D(3, 2, name="conv"), name="limited")(x)
    return keras.Model(x, y)


def frozen_and_odd() -> keras.Model:
    x = keras.Input((8, 8, 4), name="x")
    y = kl.SeparableConv2D(4, 3, name="separable")(x)
    y = kl.BatchNormalization(name="norm", scale=False)(y)
    y = kl.PReLU(name="slopes")(kl.SpectralNormalization(kl.Conv2D(3, 3), name="spectral")(y))
    y = kl.TimeDistributed(keras.Sequential([kl.Input((4, 3)), kl.Conv1D(2, 2)]), name="each")(y)
    model = keras.Model(x, kl.RNN([kl.LSTMCell(2), kl.GRUCell(3)], name="cells")(y[:, 0]))
    model.get_layer("norm").trainable = False
    return model


OWN: dict[str, Callable[[], keras.Model]] = {
    make.__name__: make
    for make in (
        masked,
        named_both_ways,
        chain_with_masks,
        attention,
        operations,
        preprocessing,
        text_vectors,
        louder,
        louder_graph,
        louder_inside,
        wrapped,
        lambda_activation,
        quantized,
        quantized_to_int4,
        quantized_to_float8,
        spectral,
        frozen_and_odd,
        own_cells,
        own_functions_inside,
        untraced,
        numbered_inside,
        adapted,
        weighted_words,
    )
}
# Keras cannot write these as legacy HDF5, or writes otherwise than it holds them.
NOT_LEGACY = {"preprocessing", "text_vectors", "frozen_and_odd", "subclassed_net"}
CASES = [
    (name, container)
    for name in (*OWN, *MODELS.KINDS)
    for container in ("keras", "weights.h5", *(["h5"] if name not in NOT_LEGACY else []))
]


def read(path: Path) -> Fingerprint:
    file = ModelFile(str(path), path.name)
    try:
        reading = file.reading(None)
    finally:
        file.close()
    return Fingerprint(reading.structure, reading.weights)


def told_live(model: Any) -> Fingerprint:
    session = LiveKerasModel(model, "memory")
    return Fingerprint(session.structure(), session.weights(AllKnown()))


class AllKnown(frozenset[bytes]):
    """Digests are enough: every one of them counts as known."""

    def __contains__(self, item: object) -> bool:
        return True


@pytest.mark.parametrize(("name", "container"), CASES)
def test_a_file_has_the_structure_of_the_live_model(
    name: str, container: str, tmp_path: Path
) -> None:
    model = (OWN.get(name) or getattr(MODELS, name))()
    path = tmp_path / f"model.{container}"
    model.save_weights(path) if container == "weights.h5" else model.save(path)
    alive, held = told_live(model), read(path)
    assert held.content_id == alive.content_id
    if container != "weights.h5":  # which tells no architecture
        comparison = compare_fingerprints(alive, held, Tolerances())
        assert (comparison.pairing.how, comparison.findings) == ("place", ())


class Unfilled(Dataset):
    """A tensor of which only shape and type are known."""

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        nothing: Any = None
        super().__init__("", shape, np.dtype(dtype), dtype, None, None, nothing, "")

    def values(self, _: int = 0) -> Any:
        return np.zeros(self.shape, self.stored)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_configuration_of_an_application_contains_its_whole_structure(name: str) -> None:
    saving = importlib.import_module("keras.src.saving.saving_lib")
    model = loader.load(parse(name), Options(), architecture_only=True).model
    alive = live_structure.read_structure(model)
    shapes: LayerTensors = {}
    for layer, tensor in alive.tensors:
        if not tensor.derived:
            shapes.setdefault(layer.path, []).append((None, Unfilled(tensor.shape, tensor.dtype)))
    config = json.loads(saving._serialize_model_as_json(model)[0])
    found = assemble(name, draft(config, name), shapes, set()).structure
    comparison = compare_fingerprints(Fingerprint(alive), Fingerprint(found), Tolerances())
    assert (comparison.pairing.how, comparison.findings) == ("place", ())
    assert roles(found) == roles(alive)


def roles(structure: Structure) -> list[str]:
    """Roles in order; LayerScale's tensor has a running number for a name."""
    return [t.role for la, t in structure.tensors if la.class_name != "LayerScale"]


def test_the_table_of_layers_is_that_of_the_installed_keras() -> None:
    script = importlib.import_module("regenerate_keras_layers")
    path = Path(builtin_layers.__file__).with_name("keras_layers.json")
    assert json.loads(path.read_text()) == json.loads(json.dumps(script.described()))


def test_a_slice_of_a_tensor_has_its_bounds(tmp_path: Path) -> None:
    def cut(stop: int) -> keras.Model:
        x = keras.Input((8, 4), name="x")
        return keras.Model(x, kl.Dense(2, name="head")(x[:, stop - 2 : stop]))

    first, second = cut(2), cut(4)
    second.set_weights(first.get_weights())
    second.save(tmp_path / "second.keras")
    comparison = compare_fingerprints(
        told_live(first), read(tmp_path / "second.keras"), Tolerances()
    )
    assert [(f.code, f.expected, f.actual) for f in comparison.findings] == [
        ("config-changed", _slices(0, 2), _slices(2, 4))
    ]


def _slices(start: int, stop: int) -> list[Any]:
    return ["$0", [{"slice": [None, None, None]}, {"slice": [start, stop, None]}]]


@pytest.mark.parametrize("make", [louder, louder_graph, louder_inside])
@pytest.mark.parametrize("container", ["keras", "h5"])
def test_arguments_of_a_model_beside_its_layers_are_compared(
    make: Callable[[float], keras.Model], container: str, tmp_path: Path
) -> None:
    first, second = make(1.0), make(9.0)
    second.set_weights(first.get_weights())
    second.save(tmp_path / f"second.{container}")
    held = read(tmp_path / f"second.{container}")
    comparison = compare_fingerprints(told_live(first), held, Tolerances())
    assert [(f.code, f.expected, f.actual) for f in comparison.findings] == [
        ("config-changed", 1.0, 9.0)
    ]
