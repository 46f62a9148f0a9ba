"""Slices of tensors in another order: gates, channels, classes."""

import numpy as np
import pytest
from builders import dense, holding, layer, network, trained
from diagnosing import ON_ALL, diagnose_values, kernels

from fpcheck.fingerprint.structure import Structure


def recurrent(kind: str, units: int) -> Structure:
    gates = {"LSTM": 4, "GRU": 3, "Custom": 4}[kind] * units
    bare = holding(
        layer("rnn", kind, "in"), kernel=(9, gates), recurrent_kernel=(units, gates), bias=(gates,)
    )
    return network(layer("in", "InputLayer"), bare, dense("last", "rnn", units, 10))


@pytest.mark.parametrize(
    ("kind", "order", "text"),
    [
        ("LSTM", [0, 1, 3, 2], "its 4 gates in the order 0 1 3 2"),
        ("GRU", [1, 0, 2], "its 3 gates in the order 1 0 2"),
        ("Custom", [0, 1, 3, 2], "its 4 blocks in the order 0 1 3 2"),
    ],
)
@pytest.mark.parametrize("units", [4, 6])
def test_gates_in_another_order_are_proved(
    kind: str, order: list[int], text: str, units: int
) -> None:
    net = recurrent(kind, units)
    values = trained(net)
    roles = ("kernel", "recurrent_kernel", "bias")
    changes = {
        f"rnn/{r}": np.concatenate(
            [np.split(values[f"rnn/{r}"], len(order), axis=-1)[gate] for gate in order], axis=-1
        )
        for r in roles
    }
    (found,) = diagnose_values(net, changes)
    assert (found.code, found.layers, found.confidence) == ("axis-permuted", ["rnn"], 1.0)
    assert found.summary == (
        "The slices of rnn/kernel, rnn/recurrent_kernel, rnn/bias are in another order than in the "
        "golden."
    )
    assert found.evidence == [
        f"rnn/{role}: along axis {axis} {text}; undoing this gives the golden's digest"
        for role, axis in zip(roles, (1, 1, 0), strict=True)
    ]


@ON_ALL
@pytest.mark.parametrize("axis", [-1, -2])
def test_permuted_channels_are_proved(net: Structure, axis: int) -> None:
    name = kernels(net)[1]
    values = trained(net)[name]
    taken = np.random.default_rng(0).permutation(values.shape[axis])
    (found,) = diagnose_values(net, {name: np.take(values, taken, axis)})
    place = values.ndim + axis
    assert (found.code, found.confidence) == ("axis-permuted", 1.0)
    assert found.summary == f"The slices of {name} are in another order than in the golden."
    assert found.evidence == [
        f"{name}: along axis {place} permuted; undoing this gives the golden's digest"
    ]


@ON_ALL
def test_a_reordered_bias_alone_is_not_proved(net: Structure) -> None:
    name = kernels(net)[-1].replace("kernel", "bias")
    mixed = trained(net)[name][[3, 1, 4, 0, 9, 2, 6, 5, 8, 7]]
    (found,) = diagnose_values(net, {name: mixed})
    assert (found.code, found.confidence) == ("axis-permuted", 0.9)
    assert found.summary == f"The values of {name} are in another order than in the golden."
    assert found.evidence == [
        f"{name}: minimum, maximum, sum and norm equal the golden's, the order does not"
    ]
