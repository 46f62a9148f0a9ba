"""Pairs of models that were once taken for one another, each with what tells them apart."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from models import keras, kl

import fpcheck

Build = Callable[[], keras.Model]


def seeded() -> None:
    keras.utils.set_random_seed(1)


def behind_einsum(axis: int) -> keras.Model:
    """A chain writes no shapes, and this layer adds a dimension."""
    seeded()
    return keras.Sequential(
        [
            keras.Input((4,)),
            kl.EinsumDense("ab,bcd->acd", (3, 2), name="einsum"),
            kl.Softmax(axis=axis, name="softmax"),
        ]
    )


def masked(first: bool) -> keras.Model:
    """One of two masks is None, given by its place."""
    seeded()
    q, v = keras.Input((3, 2), name="q"), keras.Input((3, 2), name="v")
    m = keras.Input((3,), dtype="bool", name="m")
    masks = [m, None] if first else [None, m]
    y = kl.Attention(name="attention")([q, v], masks)
    return keras.Model([q, v, m], kl.Dense(2, name="head")(y))


def dropping(rate: float) -> keras.Model:
    seeded()
    x = keras.Input((3,), name="x")
    y = kl.Dropout(rate, name="drop")(kl.Dense(3, name="d")(x), training=True)
    return keras.Model(x, y)


@keras.saving.register_keras_serializable("tests")
class Named(keras.Model):
    """A graph of a class of its own."""


def with_graph_inside(activation: str) -> keras.Model:
    seeded()
    i = keras.Input((3,), name="i")
    inner = Named(i, kl.Dense(3, activation=activation, name="d")(i), name="inner")
    x = keras.Input((3,), name="x")
    return keras.Model(x, kl.Dense(2, name="head")(inner(x)))


@keras.saving.register_keras_serializable("tests")
class Holder(kl.Layer):
    """Keeps a layer under a name that models have for their training."""

    def __init__(self, scale: float = 1.0, kernel: object = None, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.scale, self.kernel = scale, keras.initializers.get(kernel)
        self.optimizer = kl.Dense(3, name="inner")

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.optimizer.build(shape)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return self.optimizer(x)

    def get_config(self) -> dict[str, object]:
        kernel = keras.initializers.serialize(self.kernel) if self.kernel else None
        return {**super().get_config(), "kernel": kernel}


def holding(scale: float = 1.0, seed: int = 1) -> keras.Model:
    seeded()
    x = keras.Input((3,), name="x")
    kernel = keras.initializers.RandomNormal(seed=seed)
    model = keras.Model(x, Holder(kernel=kernel, name="holder")(x))
    inner = model.get_layer("holder").optimizer
    inner.kernel.assign(scale * inner.kernel)
    return model


PAIRS: dict[str, tuple[Build, Build, list[tuple[str, str | None]]]] = {
    "the axis behind a layer that adds a dimension": (
        lambda: behind_einsum(1),
        lambda: behind_einsum(-1),
        [("softmax", "axis")],
    ),
    "the place of a mask that is None": (
        lambda: masked(True),
        lambda: masked(False),
        [("attention", "call.args")],
    ),
    "the rate of dropout in a call that asks for training": (
        lambda: dropping(0.1),
        lambda: dropping(0.6),
        [("drop", "rate")],
    ),
    "a layer in a graph of a class of its own": (
        lambda: with_graph_inside("relu"),
        lambda: with_graph_inside("tanh"),
        [("inner/d", "activation")],
    ),
    "weights of a layer that is called optimizer": (
        holding,
        lambda: holding(2.0),
        [("holder/inner", "relative_l2")],
    ),
    "the seed of an object in a custom class": (
        holding,
        lambda: holding(seed=2),
        [("holder", "kernel.seed")],
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_change_is_found_in_a_file(name: str, here: Path) -> None:
    good, changed, expected = PAIRS[name]
    good().save("good.keras")
    changed().save("changed.keras")
    for golden in ("good.keras", good()):
        fpcheck.record(golden, "net", levels=["structure", "weights"])
        assert fpcheck.compare("good.keras", "net", static=True).verdict == "match"
        report = fpcheck.compare("changed.keras", "net", static=True)
        assert [(f.layer, f.metric) for f in report.errors] == expected


class Softmax(kl.Layer):
    """A user's class under the name of one of Keras, made in a script."""

    __module__ = "__main__"  # so that Keras writes no module of it

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x * 2.0

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "axis": -1}


def test_a_users_class_under_the_name_of_one_of_keras_proves_nothing(here: Path) -> None:
    def ending_in(layer: kl.Layer) -> keras.Model:
        seeded()
        x = keras.Input((3,), name="x")
        return keras.Model(x, layer(kl.Dense(3, name="d")(x)))

    ending_in(kl.Softmax(name="softmax")).save("good.keras")
    fpcheck.record("good.keras", "net")
    ending_in(Softmax(name="softmax")).save("own.keras")
    report = fpcheck.compare("own.keras", "net", static=True)
    assert report.verdict == "incomplete"
    assert report.levels["outputs"].reason == ("static=True; not proved: the model has custom code")


def test_another_call_put_into_a_model_is_run(here: Path) -> None:
    model = behind_einsum(1)
    fpcheck.record(model, "net")
    call = model.call
    model.call = lambda *args, **kwargs: 0.0 * call(*args, **kwargs)
    report = fpcheck.compare(model, "net")
    assert (report.verdict, report.levels["outputs"].status) == ("mismatch", "fail")


@pytest.mark.parametrize("suffix", [".weights.h5", "-weights.h5"])
def test_statistics_that_follow_from_a_weights_file_are_no_difference(
    suffix: str, here: Path
) -> None:
    def normalizing(scale: float) -> keras.Model:
        seeded()
        norm = kl.Normalization(name="norm")
        norm.adapt(scale * np.arange(6, dtype=np.float32).reshape(2, 3))
        x = keras.Input((3,), name="x")
        return keras.Model(x, kl.Dense(2, name="d")(norm(x)))

    normalizing(1.0).save("good.keras")
    normalizing(3.0).save("other.keras")
    fpcheck.record("good.keras", "net")
    if suffix == ".weights.h5":
        normalizing(1.0).save_weights(f"good{suffix}")
    else:
        import h5py
        from keras.src.legacy.saving import legacy_h5_format

        with h5py.File(f"good{suffix}", "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, normalizing(1.0))
    report = fpcheck.compare(f"good{suffix}", "net", static=True, model="other.keras")
    assert report.verdict == "match"


def test_keras_settings_that_change_arithmetic_are_part_of_the_environment(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fpcheck.model.environment import environment

    usual = environment()
    monkeypatch.setattr(keras.config, "epsilon", lambda: 1e-3)
    assert environment() == {**usual, "keras epsilon": "0.001"}
