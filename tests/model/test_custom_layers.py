"""Objects that Keras cannot write are compared by their state."""

import re
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers as kl

import fpcheck


class Plain:
    """Says nothing of itself."""

    def __init__(self, value: object) -> None:
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


@keras.saving.register_keras_serializable("tests")
class Configured(kl.Layer):
    def __init__(self, given: object, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._given = given

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "given": self._given}


def endless(value: object) -> Plain:
    held = Plain(value)
    held.value = [held, value]
    return held


def configured(given: object) -> keras.Model:
    keras.utils.set_random_seed(1)
    x = keras.Input((3,), name="x")
    return keras.Model(x, kl.Dense(2, name="d")(Configured(given, name="custom")(x)), name="net")


@pytest.mark.parametrize(
    "made",
    [
        Plain,
        Slotted,
        endless,
        lambda value: Plain(np.full(3, value)),
        lambda value: {"key": [Plain(value)]},
        lambda value: {1: (Plain(value), Plain(0))},
        lambda value: re.compile(str(value)),
        lambda value: range(value),
        lambda value: Plain({Slotted, value}),
        np.random.default_rng,
    ],
)
def test_an_object_that_keras_cannot_write_is_compared_by_its_state(
    made: Callable[[int], object], here: Path
) -> None:
    fpcheck.record(configured(made(1)), "net")
    assert fpcheck.compare(configured(made(1)), "net").verdict == "match"
    report = fpcheck.compare(configured(made(2)), "net")
    found = [
        (f.code, f.layer, (f.metric or "").partition(".")[0])
        for f in report.findings
        if f.severity == "error"
    ]
    assert (report.verdict, found[:1]) == ("mismatch", [("config-changed", "custom", "given")])
