"""Layers of a user's own, and the bodies that somebody's edit gives them."""

from typing import Any

import keras
from keras import layers as kl


@keras.saving.register_keras_serializable("benchmarks")
class Gate(kl.Layer):
    """Scales each feature; `power` stands in its configuration, `offset` is forgotten there."""

    def __init__(self, power: float = 1.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.power = power
        self.offset = 0.25

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="ones")

    def call(self, x: Any) -> Any:
        return keras.ops.tanh(x * self.scale + self.offset) * self.power

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power": self.power}


def other_call(self: Gate, x: Any) -> Any:
    """The body of `Gate.call` after somebody's edit."""
    return keras.ops.tanh(x * self.scale + self.offset) * self.power + 0.1 * x


def noisy_call(self: Gate, x: Any) -> Any:
    """A body that gives another result each time."""
    noise = keras.random.normal(keras.ops.shape(x), stddev=0.1)
    return keras.ops.tanh(x * self.scale + self.offset) * self.power + noise


@keras.saving.register_keras_serializable("benchmarks")
class Mixer(kl.Layer):
    """Two layers inside, one after the other, with a residual connection."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.first = kl.Dense(width, activation="relu")
        self.second = kl.Dense(width)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.first.build(input_shape)
        self.second.build((*input_shape[:-1], self.width))

    def call(self, x: Any) -> Any:
        return x + self.second(self.first(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable("benchmarks")
def floored(x: Any) -> Any:
    """An activation of the user's own, under a name of its own."""
    return keras.ops.maximum(x, -0.5)
