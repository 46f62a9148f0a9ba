"""Layers whose initial values were never replaced."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from builders import dense, edited, holding, layer, network, trained
from diagnosing import (
    NETS,
    ON_ALL,
    ON_CONVNETS,
    codes,
    diagnose_values,
    fresh,
    glorot,
    kernels,
    moved,
    reset,
)

from fpcheck.codec import Array
from fpcheck.fingerprint.structure import Structure


@pytest.mark.parametrize("paths", [("norm1",), ("norm2",), ("norm1", "norm2")], ids=str)
@ON_CONVNETS
def test_statistics_at_their_initial_values_are_named(
    net: Structure, paths: tuple[str, ...]
) -> None:
    (found,) = diagnose_values(net, reset(net, *paths))
    assert (found.code, found.layers) == ("batchnorm-statistics-reset", list(paths))
    assert found.summary == (
        f"The moving mean is 0 and the moving variance is 1 in {', '.join(paths)}: "
        "the statistics were not loaded."
    )
    counted = "1 layer" if len(paths) == 1 else "2 layers"
    assert found.evidence == [
        f"{counted}: the moving statistics have their initial values",
        f"{2 * len(paths)} other tensors of these layers equal the golden",
    ]


@ON_CONVNETS
def test_statistics_that_merely_differ_are_not_called_reset(net: Structure) -> None:
    almost = {name: values.copy() for name, values in reset(net, "norm1").items()}
    almost["norm1/moving_mean"][0] = 1e-3
    assert "batchnorm-statistics-reset" not in codes(diagnose_values(net, almost))


@pytest.mark.parametrize(
    ("role", "code"), [("moving_mean", "zeroed"), ("moving_variance", "other-checkpoint")]
)
@ON_CONVNETS
def test_one_of_two_statistics_is_not_called_reset(net: Structure, role: str, code: str) -> None:
    name = f"norm1/{role}"
    assert codes(diagnose_values(net, {name: reset(net, "norm1")[name]})) == [code]


@ON_CONVNETS
def test_statistics_beside_an_initial_one_of_the_golden_are_called_reset(net: Structure) -> None:
    initial = reset(net, "norm1")
    base = trained(net) | {"norm1/moving_variance": initial["norm1/moving_variance"]}
    (found,) = diagnose_values(net, {"norm1/moving_mean": initial["norm1/moving_mean"]}, base)
    assert (found.code, found.confidence) == ("batchnorm-statistics-reset", 0.99)


@ON_ALL
def test_a_model_that_was_never_loaded_is_named(net: Structure) -> None:
    first = diagnose_values(net, fresh(net))[0]
    weighted = [la.path for la in net.layers if la.tensors]
    assert (first.code, first.layers, first.confidence) == ("not-loaded", weighted, 0.97)
    assert first.summary == "Fresh initial values in all layers: the weights were not loaded."
    assert first.evidence[0] == f"{len(weighted)} layers of {len(weighted)} with weights"


@ON_CONVNETS
@pytest.mark.parametrize("path", ["conv1", "conv2", "head"])
def test_a_layer_that_was_never_loaded_is_named(net: Structure, path: str) -> None:
    (found,) = diagnose_values(net, glorot(net, path))
    assert (found.code, found.layers) == ("not-loaded", [path])
    assert found.summary == f"Fresh initial values in {path}: the weights were not loaded."
    assert found.evidence[0] == "1 layer of 6 with weights"
    assert found.evidence[1].startswith(f"{path}/kernel: GlorotUniform: std 0.")
    assert found.evidence[2] == f"{path}/bias: all 0"


@pytest.mark.parametrize("seed", range(40))
def test_fresh_values_are_found_for_every_seed(seed: int) -> None:
    net = NETS["convnet"]
    assert codes(diagnose_values(net, glorot(net, "conv2", seed))) == ["not-loaded"]


@pytest.mark.parametrize("scale", [0.5, 0.7, 1.4, 2.0])
@ON_ALL
def test_values_of_another_scale_are_not_called_fresh(net: Structure, scale: float) -> None:
    path = kernels(net)[1].partition("/")[0]
    changes = {name: v * np.float32(scale) for name, v in glorot(net, path).items()}
    assert "not-loaded" not in codes(diagnose_values(net, changes))


Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


def normal(std: float, mean: float = 0.0, cut: float = np.inf) -> Draw:
    """Normal values, drawn again where they are further from the mean than `cut` deviations."""

    def draw(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
        values = random.normal(size=shape)
        while (far := np.abs(values) > cut).any():
            values[far] = random.normal(size=int(far.sum()))
        return values * std + mean

    return draw


def uniform(low: float, high: float) -> Draw:
    return lambda random, shape: random.uniform(low, high, shape)


def orthogonal(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    unit, _ = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
    return (unit if rows >= columns else unit.T).reshape(shape)


def scaled(kind: str, mode: str, distribution: str) -> tuple[str, dict[str, Any]]:
    return kind, {"scale": 3.0, "mode": mode, "distribution": distribution}


# Of a kernel of 12 x 12.
SQUARE = 1 / np.sqrt(12)
INITIALIZERS: dict[str, tuple[str, dict[str, Any], Draw]] = {
    "RandomUniform": ("RandomUniform", {"minval": -0.1, "maxval": 0.1}, uniform(-0.1, 0.1)),
    "lopsided": ("RandomUniform", {"minval": -1.0, "maxval": 0.0}, uniform(-1, 0)),
    "RandomNormal": ("RandomNormal", {"mean": 0.0, "stddev": 0.2}, normal(0.2)),
    "shifted": ("RandomNormal", {"mean": 0.5, "stddev": 0.2}, normal(0.2, 0.5)),
    "TruncatedNormal": ("TruncatedNormal", {"stddev": 0.02}, normal(0.02, cut=2)),
    "HeNormal": ("HeNormal", {}, normal(np.sqrt(2) * SQUARE / 0.87962566, cut=2)),
    "HeUniform": ("HeUniform", {}, uniform(-np.sqrt(6) * SQUARE, np.sqrt(6) * SQUARE)),
    "LecunUniform": ("LecunUniform", {}, uniform(-np.sqrt(3) * SQUARE, np.sqrt(3) * SQUARE)),
    "VarianceScaling": (
        *scaled("VarianceScaling", "fan_avg", "untruncated_normal"),
        normal(np.sqrt(3) * SQUARE),
    ),
    "Orthogonal": ("Orthogonal", {"gain": 1.0}, orthogonal),
}


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("path", ["first", "second"])
def test_what_an_initializer_gives_is_called_fresh(name: str, seed: int, path: str) -> None:
    kind, config, draw = INITIALIZERS[name]
    training = {"kernel_initializer": {"class": kind, "config": config}}
    net = edited(NETS["perceptron"], path, training=training)
    drawn = draw(np.random.default_rng(seed), (12, 12)).astype(np.float32)
    (found,) = diagnose_values(
        net, {f"{path}/kernel": drawn, f"{path}/bias": np.zeros(12, np.float32)}
    )
    assert (found.code, found.layers, found.confidence) == ("not-loaded", [path], 0.97)
    assert kind in found.evidence[1]


@pytest.mark.parametrize("name", [*INITIALIZERS, "nothing-random"])
@pytest.mark.parametrize("seed", range(3))
def test_trained_weights_are_never_called_fresh(name: str, seed: int) -> None:
    kind, config, _ = INITIALIZERS.get(name, ("RandomNormal", {"stddev": 0.0}, None))
    training = {"kernel_initializer": {"class": kind, "config": config}}
    net = edited(NETS["perceptron"], "first", training=training)
    assert codes(diagnose_values(net, trained(net, seed + 1))) == ["other-checkpoint"]


@pytest.mark.parametrize("path", ["first", "second"])
@pytest.mark.parametrize("name", ["RandomNormal", "TruncatedNormal", "Orthogonal"])
def test_a_hardly_trained_golden_that_was_trained_further_is_fine_tuned(
    name: str, path: str
) -> None:
    kind, config, draw = INITIALIZERS[name]
    training = {"kernel_initializer": {"class": kind, "config": config}}
    net = edited(NETS["perceptron"], path, training=training)
    kernel = draw(np.random.default_rng(0), (12, 12)).astype(np.float32)
    base = trained(net) | {f"{path}/kernel": kernel}
    (found,) = diagnose_values(net, {f"{path}/kernel": moved(kernel, 1e-4)}, base)
    assert (found.code, found.layers) == ("fine-tuned", [path])


@pytest.mark.parametrize("units", [6, 12])
def test_a_fresh_lstm_is_found_by_forget_gate_and_orthogonal_rows(units: int) -> None:
    bare = holding(
        layer("lstm", "LSTM", "in"),
        kernel=(8, 4 * units),
        recurrent_kernel=(units, 4 * units),
        bias=(4 * units,),
    )
    roles = {"kernel": "GlorotUniform", "recurrent": "Orthogonal", "bias": "Zeros"}
    training = {f"{r}_initializer": {"class": c, "config": {}} for r, c in roles.items()}
    net = edited(
        network(layer("in", "InputLayer"), bare, dense("last", "lstm", units, 10)),
        "lstm",
        training=training,
    )
    random = np.random.default_rng(0)
    limit = np.sqrt(6 / (8 + 4 * units))
    bias = np.zeros(4 * units)
    bias[units : 2 * units] = 1
    values = {
        "kernel": uniform(-limit, limit)(random, (8, 4 * units)),
        "recurrent_kernel": orthogonal(random, (units, 4 * units)),
        "bias": bias,
    }
    (found,) = diagnose_values(net, {f"lstm/{r}": v.astype(np.float32) for r, v in values.items()})
    assert (found.code, found.layers) == ("not-loaded", ["lstm"])
    assert found.evidence[2:] == [
        "lstm/recurrent_kernel: Orthogonal: rows of length 1",
        "lstm/bias: 1 for the forget gate, else 0",
    ]


@ON_ALL
def test_a_bias_of_zeros_alone_is_not_called_fresh(net: Structure) -> None:
    name = kernels(net)[1].replace("kernel", "bias")
    zeros = np.zeros_like(trained(net)[name])
    assert codes(diagnose_values(net, {name: zeros})) == ["zeroed"]
