"""Good models of every kind, with weights that look trained, from fixed seeds."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers as kl

from benchmarks.detection import custom, functions
from fpcheck.demo import MODEL

Array = np.ndarray[Any, Any]
SEED = 20
# Where `make test` installs requirements-models.txt: trained models from published packages.
INSTALLED = Path(sys.prefix) / "test-models"


class NotInstalledError(Exception):
    """A model's data is not on this machine; the text says what is missing."""


def digits() -> keras.Model:
    return keras.saving.load_model(MODEL, compile=False)


def emotion() -> keras.Model:
    """A trained mini-Xception for faces, written by Keras 2.0.5."""
    from fpcheck.model.loader import load
    from fpcheck.model.source import Options, parse

    path = _installed("fer/data/emotion_model.hdf5")
    return load(parse(str(path)), Options()).model


def _installed(name: str) -> Path:
    path = INSTALLED / name
    if not path.exists():
        raise NotInstalledError(f"{name} is not installed in {INSTALLED.name}")
    return path


def _published(model: keras.Model, name: str) -> keras.Model:
    """One of the three networks of MTCNN (Zhang et al. 2016) with its published weights."""
    import joblib

    model.set_weights(joblib.load(_installed(f"mtcnn/assets/weights/{name}.lz4")))
    return model


def _prelu(x: Any, layer: kl.Layer, number: int) -> Any:
    axes = [1, 2] if isinstance(layer, kl.Conv2D) else None
    return kl.PReLU(shared_axes=axes, name=f"prelu{number}")(layer(x))


def proposals() -> keras.Model:
    """The first stage, for images of any size."""
    x = image = keras.Input((None, None, 3), name="image")
    for place, filters in enumerate((10, 16, 32), 1):
        x = _prelu(x, kl.Conv2D(filters, 3, name=f"conv{place}"), place)
        if place == 1:
            x = kl.MaxPooling2D(2, padding="same", name="pool")(x)
    boxes = kl.Conv2D(4, 1, name="boxes")(x)
    face = kl.Conv2D(2, 1, activation="softmax", name="face")(x)
    return _published(keras.Model(image, [boxes, face], name="pnet"), "pnet")


def refinement() -> keras.Model:
    """The second stage: its dense layer reads a flattened image."""
    x = image = keras.Input((24, 24, 3), name="image")
    for place, (filters, size) in enumerate(((28, 3), (48, 3), (64, 2)), 1):
        x = _prelu(x, kl.Conv2D(filters, size, name=f"conv{place}"), place)
        if place < 3:
            padding = "same" if place == 1 else "valid"
            x = kl.MaxPooling2D(3, strides=2, padding=padding, name=f"pool{place}")(x)
    x = kl.Flatten(name="flatten")(kl.Permute((2, 1, 3), name="permute")(x))
    x = _prelu(x, kl.Dense(128, name="fc4"), 4)
    boxes = kl.Dense(4, name="boxes")(x)
    face = kl.Dense(2, activation="softmax", name="face")(x)
    return _published(keras.Model(image, [boxes, face], name="rnet"), "rnet")


def resnet50() -> keras.Model:
    return trained(keras.applications.ResNet50(weights=None))


def mobilenet() -> keras.Model:
    return trained(keras.applications.MobileNetV2(weights=None))


def text() -> keras.Model:
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = kl.Embedding(60, 16, mask_zero=True, name="embedding")(ids)
    x = kl.Bidirectional(kl.LSTM(6, return_sequences=True), name="both_ways")(x)
    x = kl.GRU(12, return_sequences=True, use_bias=False, name="gru")(x)
    x = kl.LSTM(12, return_sequences=True, recurrent_activation="hard_sigmoid", name="lstm_a")(x)
    x = kl.LSTM(12, name="lstm_b")(x)
    for name in ("dense_a", "dense_b", "dense_c"):
        x = kl.Dense(12, activation="relu", name=name)(x)
    x = kl.Dropout(0.3, name="dropout")(x)
    return trained(keras.Model(ids, kl.Dense(5, activation="softmax", name="head")(x), name="text"))


def attention() -> keras.Model:
    """As many steps as features, so that a normalization over the other axis loads, too."""
    x = tokens = keras.Input((24, 24), name="tokens")
    for block in ("block1", "block2"):
        seen = kl.MultiHeadAttention(4, 6, name=f"{block}_attention")(x, x)
        x = kl.Add(name=f"{block}_add1")([x, seen])
        x = kl.LayerNormalization(epsilon=1e-5, name=f"{block}_norm1")(x)
        y = kl.Dense(48, activation="gelu", name=f"{block}_up")(x)
        y = kl.Dense(24, name=f"{block}_down")(y)
        x = kl.Add(name=f"{block}_add2")([x, y])
        x = kl.LayerNormalization(epsilon=1e-5, name=f"{block}_norm2")(x)
    x = kl.Dropout(0.1, name="dropout")(kl.GlobalAveragePooling1D(name="pool")(x))
    x = kl.Dense(6, name="head")(x)
    return trained(keras.Model(tokens, kl.Softmax(name="softmax")(x), name="attention"))


def nested() -> keras.Model:
    """Two inputs, a model and a tower inside, a shared layer, two outputs."""
    seen = keras.Input((8,), name="seen")
    inner = keras.Model(seen, kl.Dense(8, activation="tanh", name="mix")(seen), name="inner")
    tower = keras.Sequential(
        [kl.Input((8,)), kl.Dense(8, activation="tanh", name="low"), kl.Dense(8, name="high")],
        name="tower",
    )
    shared = kl.Dense(8, activation="relu", name="shared")
    left, right = keras.Input((8,), name="left"), keras.Input((8,), name="right")
    x = kl.Concatenate(name="join")([shared(inner(left)), shared(tower(right))])
    x = kl.BatchNormalization(name="norm")(x)
    age = kl.Dense(3, name="age")(x)
    kind = kl.Dense(3, activation="softmax", name="kind")(x)
    return trained(keras.Model([left, right], [age, kind], name="nested"))


WORDS = ("ant", "bee", "cat", "dog", "eel", "fox")


def words() -> keras.Model:
    """A category and a sentence, prepared inside the model."""
    category = keras.Input((1,), dtype="string", name="category")
    sentence = keras.Input((1,), dtype="string", name="sentence")
    number = kl.StringLookup(vocabulary=list(WORDS), name="lookup")(category)
    number = kl.Flatten(name="flat")(kl.Embedding(7, 8, name="kinds")(number))
    prepared = kl.TextVectorization(
        vocabulary=list(WORDS), output_sequence_length=6, name="vectorization"
    )(sentence)
    seen = kl.GlobalAveragePooling1D(name="pool")(kl.Embedding(8, 8, name="words")(prepared))
    x = kl.Concatenate(name="join")([number, seen])
    x = kl.Dense(12, activation="relu", name="dense")(x)
    output = kl.Dense(4, activation="softmax", name="head")(x)
    return trained(keras.Model([category, sentence], output, name="words"))


def table() -> keras.Model:
    """Columns of numbers, brought to one scale inside the model."""
    columns = keras.Input((6,), name="columns")
    normalization = kl.Normalization(name="normalization")
    normalization.adapt(np.random.default_rng(SEED).normal(2.0, 3.0, (64, 6)).astype(np.float32))
    x = kl.Rescaling(0.5, offset=0.1, name="rescaling")(normalization(columns))
    for name in ("dense1", "dense2", "dense3"):
        x = kl.Dense(16, activation="silu", name=name)(x)
    output = kl.Dense(1, activation="sigmoid", name="head")(x)
    return trained(keras.Model(columns, output, name="table"))


def customized() -> keras.Model:
    x = inputs = keras.Input((10,), name="inputs")
    x = kl.Dense(10, activation=custom.floored, name="stem")(x)
    x = custom.Gate(name="gate1")(x)
    x = custom.Mixer(10, name="mixer")(x)
    x = custom.Gate(power=0.8, name="gate2")(x)
    return trained(keras.Model(inputs, kl.Dense(5, name="head")(x), name="customized"))


def shadowed() -> keras.Model:
    """Layers with a user's own `relu`, which a file tells from the built-in by nothing."""
    x = inputs = keras.Input((10,), name="inputs")
    for name in ("first", "second"):
        x = kl.Dense(10, activation=functions.relu, name=name)(x)
    return trained(keras.Model(inputs, kl.Dense(5, name="head")(x), name="shadowed"))


def pictures() -> keras.Model:
    """Down, along a chain of equal layers, up again, beside a skip; then flattened."""
    image = keras.Input((16, 16, 3), name="image")
    x = kl.Conv2D(8, 5, padding="same", name="stem")(image)
    x = kl.BatchNormalization(scale=False, name="stem_norm")(x)
    skip = kl.LeakyReLU(negative_slope=0.2, name="leaky")(x)
    x = kl.MaxPooling2D(2, name="down")(skip)
    for place in range(1, 6):
        x = kl.Conv2D(8, 3, padding="same", activation="gelu", name=f"chain{place}")(x)
    x = kl.UpSampling2D(2, interpolation="bilinear", name="up")(x)
    x = kl.Conv2DTranspose(8, 3, padding="same", name="transposed")(x)
    x = kl.Concatenate(name="join")([skip, x])
    x = kl.SeparableConv2D(12, 3, strides=2, padding="same", name="separable")(x)
    x = kl.AveragePooling2D(2, strides=2, padding="same", name="average")(x)
    x = kl.Flatten(name="flatten")(x)
    x = kl.Dense(16, activation="relu", name="dense")(x)
    output = kl.Dense(7, activation="softmax", name="head")(x)
    return trained(keras.Model(image, output, name="pictures"))


def trained(model: keras.Model, seed: int = SEED) -> keras.Model:
    """Fill a model with weights that no initializer gives and that keep its outputs finite."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.path.startswith("normalization/") or "float" not in variable.dtype:
            continue  # what `adapt` found, and counters
        variable.assign(_drawn(rng, variable.name, tuple(variable.shape)))
    _settle(model, rng)
    return model


def _drawn(rng: np.random.Generator, role: str, shape: tuple[int, ...]) -> Array:
    """Trained-looking values: no constants, heavy tails, channels of different sizes."""
    noise = rng.standard_t(6, shape)
    if len(shape) >= 2:
        fan_in = max(1.0, float(np.prod(shape[:-1])))
        channels = np.exp(0.3 * rng.normal(size=shape[-1]))
        return np.asarray(noise * channels * np.sqrt(1.2 / fan_in), np.float32)
    if role in ("gamma", "scale", "moving_variance"):
        return np.exp(0.25 * noise).astype(np.float32)
    return (0.15 * noise).astype(np.float32)


def _settle(model: keras.Model, rng: np.random.Generator) -> None:
    """Give BatchNormalization the statistics of what it sees, layer by layer in one pass."""
    norms = [la for la in model.layers if isinstance(la, kl.BatchNormalization)]
    if not norms:
        return
    kept = [la.momentum for la in norms]
    for layer in norms:
        layer.momentum = 0.0
    inputs = [rng.normal(size=(8, *x.shape[1:])).astype(np.float32) for x in model.inputs]
    model(inputs if len(inputs) > 1 else inputs[0], training=True)
    for layer, momentum in zip(norms, kept, strict=True):
        layer.momentum = momentum


@dataclass(frozen=True)
class Spec:
    """A good model.

    Attributes:
        build: makes it, the same each time.
        preprocess: how it is recorded.
        places: at how many places each fault is put.
        from_file: record it from a file: of a large model that is several times as fast.
        custom_objects: the module with its custom layers.
        reloads: whether Keras gives the same model back from a file.
    """

    build: Callable[[], keras.Model]
    preprocess: str = "none"
    places: int = 3
    from_file: bool = False
    custom_objects: str | None = None
    reloads: bool = True


SPECS = {
    "demo": Spec(digits, "tf"),
    "text": Spec(text),
    "attention": Spec(attention),
    "nested": Spec(nested),
    "words": Spec(words),
    "table": Spec(table),
    "custom": Spec(customized, custom_objects="benchmarks.detection.custom"),
    "shadowed": Spec(shadowed, reloads=False),
    "pictures": Spec(pictures, "tf"),
    "emotion": Spec(emotion, "tf"),
    "pnet": Spec(proposals, "tf"),
    "rnet": Spec(refinement, "tf"),
    "mobilenetv2": Spec(mobilenet, "tf", places=1, from_file=True),
    "resnet50": Spec(resnet50, "caffe", places=1, from_file=True),
}
