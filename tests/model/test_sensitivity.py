"""A layer is unreached only where other values in it do not show in the outputs."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers as kl
from models import filled, image_net, padded_mean_net

from fpcheck.model.sensitivity import reach

ALLOWED = 1e-4


def attention() -> keras.Model:
    """Attention whose weights are nearly the same for all places: queries are small."""
    x = keras.Input((6, 8), name="x")
    given = kl.MultiHeadAttention(2, 4, name="attention")(x, x)
    model = filled(keras.Model(x, kl.Dense(2, name="y")(given)))
    kernel, bias = model.get_layer("attention")._query_dense.weights
    kernel.assign(kernel * 3e-3)
    bias.assign(bias * 3e-3)
    return model


def behind_a_normalization() -> keras.Model:
    """A convolution whose result is divided by a large deviation."""
    x = keras.Input((8, 8, 3), name="x")
    y = kl.BatchNormalization(name="bn")(kl.Conv2D(4, 3, name="conv")(x))
    model = filled(keras.Model(x, kl.Dense(2, name="y")(kl.GlobalAveragePooling2D()(y))))
    model.get_layer("bn").moving_variance.assign(np.full(4, 4e4))
    return model


def dead() -> keras.Model:
    """Units that no input wakes: their biases are far below zero."""
    x = keras.Input((4,), name="x")
    sleeping = kl.Dense(3, activation="relu", name="sleeping")
    joined = kl.Concatenate()([sleeping(x), kl.Dense(3, name="awake")(x)])
    model = filled(keras.Model(x, kl.Dense(2, name="y")(joined)))
    sleeping.bias.assign(np.full(3, -99.0))
    return model


def probes(model: keras.Model) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.normal(size=(3, *i.shape[1:])).astype("float32") for i in model.inputs]


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("make", [attention, behind_a_normalization, image_net, padded_mean_net])
def test_a_layer_whose_other_values_show_is_reached(
    make: Callable[[], keras.Model], gradients: bool
) -> None:
    model = make()
    found = reach(model, probes(model), ALLOWED, gradients)
    assert (found.unreached, found.untried) == ((), ())


@pytest.mark.parametrize("gradients", [True, False])
def test_a_layer_whose_other_values_do_not_show_is_unreached(gradients: bool) -> None:
    model = dead()
    before = model.get_weights()
    found = reach(model, probes(model), ALLOWED, gradients)
    assert (found.unreached, found.untried) == (("sleeping",), ())
    for value, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, kept)


def test_a_small_change_of_it_alone_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the models above are of the kind that was warned of."""
    from fpcheck.model import sensitivity

    monkeypatch.setattr(sensitivity, "_replaced", lambda variable: sensitivity._values(variable))
    model = attention()
    found = reach(model, probes(model), ALLOWED, True)
    assert "attention/query" in found.unreached
    model = behind_a_normalization()
    assert "conv" in reach(model, probes(model), ALLOWED, True).unreached
