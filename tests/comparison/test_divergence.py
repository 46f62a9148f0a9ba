"""The first layer that differs itself, while what feeds it does not."""

from collections.abc import Iterable

import numpy as np
import pytest
from builders import (
    activation,
    convnet,
    dense,
    edited,
    fingerprint,
    layer,
    network,
    outputs,
    perceptron,
    trained,
)
from msgspec.structs import replace

from fpcheck.comparison.compare import compare_fingerprints
from fpcheck.comparison.divergence import visible_layer
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.outputs import Outputs
from fpcheck.fingerprint.structure import Call, Edge, Structure


def first(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    return compare_fingerprints(golden, candidate, Tolerances()).first_divergent_layer


def answered(net: Structure, differing: Iterable[str] = (), calls: int = 1) -> Outputs:
    """Outputs that differ, where some layers give something else in their last call."""
    chosen = set(differing)
    uses = [(la.path, calls if la.shared else 1) for la in net.layers]
    made = tuple(
        replace(activation(path, seed=path in chosen and call + 1 == count), call=call)
        for path, count in uses
        for call in range(count)
    )
    values = np.random.default_rng(bool(chosen)).normal(size=(4, 10)).astype(np.float32)
    return outputs(net, values, activations=made)


def computed(net: Structure, *differing: str, calls: int = 1) -> str | None:
    """The first divergent layer where only activations differ."""
    golden = fingerprint(net, outputs=answered(net, calls=calls))
    return first(golden, replace(golden, outputs=answered(net, differing, calls)))


def residual() -> Structure:
    return network(
        layer("in", "InputLayer"),
        dense("a", "in", 8, 8),
        dense("b", "a", 8, 8),
        layer("add", "Add", "a", "b"),
        dense("last", "add", 8, 10),
    )


def branched() -> Structure:
    return network(
        layer("in", "InputLayer"),
        dense("left", "in", 8, 8),
        dense("right", "in", 8, 8),
        layer("join", "Concatenate", "left", "right"),
        dense("last", "join", 16, 10),
    )


def shared() -> Structure:
    """One layer that is used on two inputs, the second of which has a layer before it."""
    twin = dense("twin", "in", 8, 8)
    calls = tuple(Call((Edge(source),), {}, ((None, 8),)) for source in ("in", "before"))
    return network(
        layer("in", "InputLayer"),
        dense("before", "in", 8, 8),
        replace(twin, calls=calls),
        layer("join", "Concatenate", "twin"),
        dense("last", "join", 16, 10),
    )


def nested() -> Structure:
    """A custom block with two layers inside, of which nobody knows what feeds them."""
    block = replace(layer("block", "Block", "in"), custom=True)
    inner = (replace(dense(f"block/{n}", "", 8, 8), calls=None) for n in ("one", "two"))
    return network(layer("in", "InputLayer"), *inner, block, dense("last", "block", 8, 10))


def celled() -> Structure:
    """An LSTM, whose configuration covers the cell that holds the weights."""
    lstm = layer("lstm", "LSTM", "in", units=4)
    cell = replace(
        dense("lstm/lstm_cell", "", 8, 16), class_name="LSTMCell", config=None, calls=None
    )
    return network(layer("in", "InputLayer"), lstm, cell, dense("last", "lstm", 4, 10))


@pytest.mark.parametrize(
    ("net", "differing", "expected"),
    [
        (perceptron(), ("first", "second", "last"), "first"),
        (perceptron(), ("second", "last"), "second"),
        (perceptron(), ("last",), "last"),
        (convnet(), ("norm1", "relu1", "conv2", "conv3", "norm2", "pool", "head"), "norm1"),
        (residual(), ("b", "add", "last"), "b"),
        (residual(), ("add", "last"), "add"),
        (branched(), ("right", "join", "last"), "right"),
        (branched(), ("left", "right", "join", "last"), "left"),
        (branched(), ("join", "last"), "join"),
        (nested(), ("block/two", "block", "last"), "block/two"),
        (nested(), ("block/one", "block/two", "block", "last"), "block/one"),
        (nested(), ("block", "last"), "block"),
        (celled(), ("lstm/lstm_cell", "lstm", "last"), "lstm"),
        (celled(), ("lstm", "last"), "lstm"),
    ],
)
def test_the_first_layer_with_other_activations_is_named(
    net: Structure, differing: tuple[str, ...], expected: str
) -> None:
    assert computed(net, *differing) == expected


@pytest.mark.parametrize(
    ("differing", "expected"),
    [(("before", "twin", "join"), "before"), (("twin", "join", "last"), "twin")],
)
def test_a_shared_layer_diverges_only_if_all_its_inputs_are_equal(
    differing: tuple[str, ...], expected: str
) -> None:
    assert computed(shared(), *differing, calls=2) == expected


def measured(net: Structure, *changed: str, **parts: Outputs) -> Fingerprint:
    """The net where some tensors are others."""
    values = trained(net)
    return fingerprint(net, {**values, **{name: values[name] + 1 for name in changed}}, **parts)


@pytest.mark.parametrize(
    ("net", "changed", "expected"),
    [
        (perceptron(), ("second/kernel", "last/bias"), "second"),
        (branched(), ("right/kernel", "left/bias"), "left"),
        (residual(), ("last/bias",), "last"),
        (nested(), ("block/two/kernel",), "block/two"),
        (celled(), ("lstm/lstm_cell/kernel", "last/bias"), "lstm"),
    ],
)
def test_without_outputs_the_first_layer_with_other_weights_is_named(
    net: Structure, changed: tuple[str, ...], expected: str
) -> None:
    assert first(measured(net), measured(net, *changed)) == expected


def test_other_activations_and_other_weights_are_compared_by_place() -> None:
    net = perceptron()
    golden = measured(net, outputs=answered(net))
    for changed, expected in (("last/bias", "second"), ("first/bias", "first")):
        other = measured(net, changed, outputs=answered(net, ("second", "last")))
        assert first(golden, other) == expected


@pytest.mark.parametrize("path", ["first", "second"])
def test_a_layer_with_another_configuration_diverges(path: str) -> None:
    net = perceptron()
    config = {**(net.by_path[path].config or {}), "activation": "relu"}
    assert first(fingerprint(net), fingerprint(edited(net, path, config=config))) == path


@pytest.mark.parametrize(("place", "source"), [(1, "values"), (2, "first"), (4, "last")])
def test_an_added_layer_has_its_own_name(place: int, source: str) -> None:
    net = perceptron()
    added = layer("extra", "Dropout", source)
    other = replace(net, layers=(*net.layers[:place], added, *net.layers[place:]))
    assert first(fingerprint(net), fingerprint(other, trained(net))) == "extra"
    worse = {**trained(net), "last/bias": trained(net)["last/bias"] + 1}
    expected = "last" if place == 4 else "extra"
    assert first(fingerprint(net), fingerprint(other, worse)) == expected


def test_a_missing_layer_is_named() -> None:
    net = residual()
    shorter = replace(net, layers=(*net.layers[:2], *net.layers[3:]))
    assert first(fingerprint(net), fingerprint(shorter, trained(net))) == "b"


def test_other_preprocessing_is_not_assigned_to_a_layer() -> None:
    net = perceptron()
    golden = fingerprint(net, outputs=answered(net))
    fed = replace(answered(net, ("first", "second", "last")), preprocess="caffe")
    assert first(golden, replace(golden, outputs=fed)) is None
    assert first(golden, measured(net, "second/bias", outputs=fed)) == "second"


@pytest.mark.parametrize("net", [perceptron(), nested(), celled()])
def test_equal_models_do_not_diverge(net: Structure) -> None:
    golden = fingerprint(net, outputs=answered(net))
    assert first(golden, golden) is None
    infinite = tuple(replace(a, sketch=np.full(32, np.nan)) for a in answered(net).activations)
    assert (
        first(
            golden,
            replace(
                golden, outputs=outputs(net, answered(net).answers[0].logits, activations=infinite)
            ),
        )
        is None
    )


@pytest.mark.parametrize("net", [perceptron(), branched()])
def test_non_finite_activations_diverge(net: Structure) -> None:
    golden = fingerprint(net, outputs=answered(net))
    other = answered(net, ("last",))
    path = net.layers[2].path
    broken = tuple(
        replace(a, sketch=np.full(32, np.nan)) if a.layer in (path, "last") else a
        for a in other.activations
    )
    assert first(golden, replace(golden, outputs=replace(other, activations=broken))) == path


@pytest.mark.parametrize(
    ("net", "path", "expected"),
    [
        (celled(), "lstm/lstm_cell", "lstm"),
        (celled(), "last", "last"),
        (nested(), "block/one", "block/one"),
        (perceptron(), "nowhere", "nowhere"),
    ],
)
def test_a_cell_is_reported_as_the_layer_around_it(
    net: Structure, path: str, expected: str
) -> None:
    assert visible_layer(net, path) == expected
