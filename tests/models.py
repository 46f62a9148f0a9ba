"""Small models of every kind that the tests use; each is a source, `models:NAME`, too."""

import keras
import numpy as np
from keras import layers as kl

__all__ = ["keras", "kl"]  # which tests take from here
SEED = 3


def filled(model: keras.Model) -> keras.Model:
    """Trained-looking weights: nothing zero, nothing fresh, variances positive."""
    random = np.random.default_rng(SEED)
    values = []
    for weight in model.weights:
        value = random.normal(0.0, 0.4, weight.shape)
        values.append(np.abs(value) + 0.3 if "variance" in weight.path else value)
    model.set_weights(values)
    return model


def _residual(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    y = kl.Conv2D(8, 3, padding="same", name=f"{name}_conv")(x)
    y = kl.BatchNormalization(name=f"{name}_bn")(y)
    y = kl.ReLU(name=f"{name}_relu")(y)
    return kl.Add(name=f"{name}_add")([x, y])


def image_net() -> keras.Model:
    image = keras.Input((16, 16, 3), name="image")
    x = kl.Conv2D(8, 3, strides=2, padding="same", name="stem")(image)
    x = _residual(_residual(x, "block1"), "block2")
    x = kl.GlobalAveragePooling2D(name="pool")(x)
    x = kl.Dropout(0.3, name="drop")(x)
    return filled(keras.Model(image, kl.Dense(5, activation="softmax", name="head")(x)))


def text_net() -> keras.Model:
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = kl.Embedding(50, 8, mask_zero=True, name="embedding")(ids)
    x = kl.Bidirectional(kl.LSTM(6, return_sequences=True), name="both_ways")(x)
    x = kl.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = kl.GRU(5, name="gru")(x)
    return filled(keras.Model(ids, kl.Dense(1, activation="sigmoid", name="head")(x)))


def nested_net() -> keras.Model:
    inner_input = keras.Input((6,), name="inner_input")
    inner = keras.Model(inner_input, kl.Dense(6, name="inner_dense")(inner_input), name="inner")
    tower = keras.Sequential(
        [kl.Input((6,)), kl.Dense(6, activation="tanh", name="low"), kl.Dense(6, name="high")],
        name="tower",
    )
    shared = kl.Dense(6, activation="relu", name="shared")
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    joined = kl.Concatenate(name="join")([shared(inner(left)), shared(tower(right))])
    age = kl.Dense(1, name="age")(joined)
    kind = kl.Dense(3, activation="softmax", name="kind")(joined)
    return filled(keras.Model([left, right], [age, kind], name="nested"))


def sequential_net() -> keras.Model:
    return filled(
        keras.Sequential(
            [
                kl.Input((12, 4), name="steps"),
                kl.Conv1D(6, 3, name="conv"),
                kl.TimeDistributed(kl.Dense(5, activation="relu"), name="each"),
                kl.SimpleRNN(4, name="rnn"),
                kl.Dense(2, name="head"),
            ],
            name="sequence",
        )
    )


@keras.saving.register_keras_serializable("tests")
class Scaled(kl.Layer):
    """A custom layer with layers inside that its configuration does not name."""

    def __init__(self, factor: float = 2.0, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.first = kl.Dense(4)
        self.second = kl.Dense(4)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return self.second(self.first(x)) * self.factor

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "factor": self.factor}


def custom_net() -> keras.Model:
    x = keras.Input((4,), name="x")
    return filled(keras.Model(x, kl.Dense(2, name="head")(Scaled(name="scaled")(x)), name="custom"))


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """A model without a graph, with layers in a list."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.steps = [kl.Dense(6, activation="relu"), kl.Dense(6)]
        self.head = kl.Dense(3, activation="softmax")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        for step in self.steps:
            x = step(x)
        return self.head(x)


def subclassed_net() -> keras.Model:
    model = Subclassed(name="subclassed")
    model(np.zeros((1, 5), np.float32))
    return filled(model)


def kernels_net() -> keras.Model:
    """Ways of padding and turning kernels that backends might see otherwise."""
    image = keras.Input((9, 9, 3), name="image")
    x = kl.SeparableConv2D(6, 4, strides=2, padding="same", name="separable")(image)
    x = kl.Conv2DTranspose(6, 4, strides=3, padding="same", name="transposed")(x)
    x = kl.MaxPooling2D(3, 2, padding="same", name="pool")(x)
    return filled(keras.Model(image, kl.Dense(3, name="head")(kl.Flatten(name="flat")(x))))


def padded_mean_net() -> keras.Model:
    """Keras on PyTorch counts what it pads on one side; TensorFlow and JAX do not."""
    image = keras.Input((10, 10, 2), name="image")
    x = kl.AveragePooling2D(3, 2, padding="same", name="mean")(image)
    return filled(keras.Model(image, kl.Dense(3, name="head")(kl.Flatten(name="flat")(x))))


def normalized_net() -> keras.Model:
    adapted = kl.Normalization(name="normalization")
    adapted.adapt(np.random.default_rng(SEED).normal(3, 2, (40, 5)).astype(np.float32))
    mean, variance, count = adapted.get_weights()
    x = keras.Input((5,), name="x")
    y = kl.BatchNormalization(name="bn")(kl.Dense(4, name="dense")(adapted(x)))
    model = filled(keras.Model(x, kl.Dense(3, activation="softmax", name="head")(y)))
    adapted.set_weights([mean, variance, count])
    adapted.finalize_state()
    return model


# Every builder, and whether the legacy HDF5 format can hold the whole model.
KINDS = {
    "image_net": True,
    "text_net": True,
    "nested_net": True,
    "sequential_net": True,
    "custom_net": True,
    "subclassed_net": False,
}
