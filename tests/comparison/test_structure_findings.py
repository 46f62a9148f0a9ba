"""Differences of structure: one finding each, with its place."""

from typing import Any

import pytest
from builders import (
    convnet,
    convolution,
    dense,
    edited,
    layer,
    network,
    perceptron,
    relayered,
    renamed,
    rewired,
)
from msgspec.structs import replace

from fpcheck.comparison.finding import Finding
from fpcheck.comparison.pairing import pair
from fpcheck.comparison.structure_findings import compare_structure
from fpcheck.fingerprint.structure import Call, Edge, Layer, Port, Structure

NET = convnet()
BY_PATH = {item.path: item for item in NET.layers}
CONV2, HEAD = BY_PATH["conv2"], BY_PATH["head"]


def compared(golden: Structure, candidate: Structure) -> list[Finding]:
    return compare_structure(golden, candidate, pair(golden, candidate))


def found(
    code: str,
    where: str | None,
    metric: str | None = None,
    expected: Any = None,
    actual: Any = None,
    tensor: str | None = None,
    **more: Any,
) -> Finding:
    return Finding(
        "structure", code, where, tensor, metric, expected=expected, actual=actual, **more
    )


def configured(item: Layer, **changes: Any) -> dict[str, Any]:
    return {key: v for key, v in {**(item.config or {}), **changes}.items() if v is not None}


@pytest.mark.parametrize("net", [NET, perceptron(), convnet(4, 1)])
def test_equal_structures_have_no_findings(net: Structure) -> None:
    assert compared(net, net) == []


SHORT = tuple(replace(t, shape=(9,)) if t.role == "bias" else t for t in CONV2.tensors)
COARSE = tuple(replace(t, dtype="int8") if t.role == "kernel" else t for t in CONV2.tensors)
CALL = (CONV2.calls or ())[0]


@pytest.mark.parametrize(
    ("path", "changes", "wanted"),
    [
        (
            "conv2",
            {"config": configured(CONV2, padding="valid")},
            found("config-changed", "conv2", "padding", "same", "valid"),
        ),
        (
            "conv2",
            {"config": configured(CONV2, padding=None)},
            found("config-changed", "conv2", "padding", "same", None),
        ),
        (
            "conv2",
            {"config": configured(CONV2, groups=2)},
            found("config-changed", "conv2", "groups", None, 2),
        ),
        (
            "conv2",
            {"dtype": "mixed_float16"},
            found("dtype-changed", "conv2", "dtype", "float32", "mixed_float16"),
        ),
        ("relu1", {"class_name": "ELU"}, found("class-changed", "relu1", "class", "ReLU", "ELU")),
        ("conv2", {"tensors": CONV2.tensors[:1]}, found("tensor-missing", "conv2", tensor="bias")),
        (
            "conv2",
            {"tensors": (*CONV2.tensors, replace(SHORT[1], role="scale", index=2))},
            found("tensor-added", "conv2", tensor="scale"),
        ),
        (
            "conv2",
            {"tensors": SHORT},
            found("tensor-shape-changed", "conv2", "shape", [8], [9], "bias"),
        ),
        (
            "conv2",
            {"tensors": COARSE},
            found("tensor-dtype-changed", "conv2", "dtype", "float32", "int8", "kernel"),
        ),
        ("conv2", {"calls": (CALL, CALL)}, found("sharing-changed", "conv2", "calls", 1, 2)),
        (
            "conv2",
            {"calls": (replace(CALL, arguments={"training": True}),)},
            found("config-changed", "conv2", "call.training", None, True),
        ),
        (
            "conv2",
            {"calls": (replace(CALL, output_shapes=((None, 4, 4, 8),)),)},
            found("output-shape-changed", "conv2", "shape", [[None, 8, 8, 8]], [[None, 4, 4, 8]]),
        ),
        (
            "conv2",
            {"calls": (replace(CALL, inputs=(Edge("conv1"),)),)},
            found("graph-rewired", "conv2", "inbound", ["relu1"], ["conv1"]),
        ),
        (
            "conv2",
            {"calls": (replace(CALL, inputs=(Edge("relu1", output=1),)),)},
            found("graph-rewired", "conv2", "inbound", ["relu1"], ["relu1 (output 2)"]),
        ),
        (
            "conv2",
            {"calls": None},
            found("output-shape-changed", "conv2", "shape", [[None, 8, 8, 8]], []),
        ),
        ("conv2", {"config": None}, found("structure-changed", None)),
    ],
)
def test_one_change_is_one_finding(path: str, changes: dict[str, Any], wanted: Finding) -> None:
    assert compared(NET, edited(NET, path, **changes)) == [wanted]


def test_the_golden_is_the_expected_side() -> None:
    other = edited(NET, "conv2", config=configured(CONV2, padding="valid"))
    assert compared(other, NET) == [found("config-changed", "conv2", "padding", "valid", "same")]


def test_the_innermost_attribute_is_named() -> None:
    def wrapped(units: int) -> Structure:
        inner = {"class": "LSTM", "config": {"units": units, "dtype": "float32"}}
        return network(layer("in", "InputLayer"), layer("b", "Bidirectional", "in", layer=inner))

    assert compared(wrapped(4), wrapped(5)) == [found("config-changed", "b", "layer.units", 4, 5)]


def test_a_training_attribute_is_a_note() -> None:
    training = {**HEAD.training, "kernel_initializer": "HeNormal"}
    assert compared(NET, edited(NET, "head", training=training)) == [
        found(
            "training-config-changed",
            "head",
            "kernel_initializer",
            HEAD.training["kernel_initializer"],
            "HeNormal",
            severity="note",
        )
    ]


def test_renaming_every_layer_is_one_note() -> None:
    names = {path: f"x{place}" for place, path in enumerate(BY_PATH)}
    assert compared(NET, renamed(NET, names)) == [
        found("layers-renamed", "image", "names", "image", "x0 (9 renamed)", severity="note")
    ]


@pytest.mark.parametrize("place", range(1, len(NET.layers)))
def test_an_inserted_layer_is_not_also_a_rewiring(place: int) -> None:
    before, after = NET.layers[place - 1], NET.layers[place]
    new = layer("new", "Activation", before.path, activation="tanh")
    layers = (*NET.layers[:place], new, *NET.layers[place:])
    candidate = rewired(replace(NET, layers=layers), after.path, "new")
    assert compared(NET, candidate) == [found("layer-added", "new", "class", None, "Activation")]
    assert compared(candidate, NET) == [found("layer-removed", "new", "class", "Activation", None)]


def test_two_consecutive_inserted_layers_are_not_also_a_rewiring() -> None:
    first, second = layer("n1", "ReLU", "conv2"), layer("n2", "ELU", "n1")
    layers = (*NET.layers[:5], first, second, *NET.layers[5:])
    codes = [f.code for f in compared(NET, rewired(replace(NET, layers=layers), "conv3", "n2"))]
    assert codes == ["layer-added"] * 2


def test_exchanged_layers_are_rewired() -> None:
    other = rewired(rewired(rewired(NET, "conv3", "relu1"), "conv2", "conv3"), "norm2", "conv2")
    assert [(f.code, f.layer) for f in compared(NET, other)] == [
        ("graph-rewired", path) for path in ("conv2", "conv3", "norm2")
    ]


def test_a_skip_connection_to_another_layer_is_a_rewiring() -> None:
    def skipping(source: str) -> Structure:
        return network(
            layer("in", "InputLayer"),
            convolution("a", "in", 3, 3, 3),
            convolution("b", "a", 3, 3, 3),
            layer("sum", "Add", "b", source),
        )

    assert compared(skipping("a"), skipping("in")) == [
        found("graph-rewired", "sum", "inbound", ["b", "a"], ["b", "in"])
    ]


def test_weights_that_are_no_longer_shared_are_reported() -> None:
    shape = ((None, 8),)
    shared = replace(
        dense("twin", "a", 8, 8),
        calls=(Call((Edge("a"),), {}, shape), Call((Edge("b"),), {}, shape)),
    )
    ends = layer("a", "InputLayer"), layer("b", "InputLayer")
    sum_of = layer("sum", "Add", "twin", "twin")
    golden = network(*ends, shared, sum_of)
    single = replace(shared, calls=(shared.calls or ())[:1])
    candidate = network(
        *ends, single, dense("copy", "b", 8, 8), layer("sum", "Add", "twin", "copy")
    )
    found_there = {(f.code, f.layer) for f in compared(golden, candidate)}
    assert {("sharing-changed", "twin"), ("layer-added", "copy")} <= found_there


def port(name: str, *shape: int | None, dtype: str = "float32") -> Port:
    return Port(name, (None, *shape), dtype, Edge(name))


@pytest.mark.parametrize(
    ("side", "ports", "code", "expected", "actual"),
    [
        (
            "inputs",
            (port("image", 9, 9, 3),),
            "input-changed",
            ["image (?,8,8,3) float32"],
            ["image (?,9,9,3) float32"],
        ),
        (
            "inputs",
            (port("image", 8, 8, 3, dtype="uint8"),),
            "input-changed",
            ["image (?,8,8,3) float32"],
            ["image (?,8,8,3) uint8"],
        ),
        (
            "inputs",
            (port("image", None, None, 3),),
            "input-changed",
            ["image (?,8,8,3) float32"],
            ["image (?,?,?,3) float32"],
        ),
        ("inputs", (), "input-changed", ["image (?,8,8,3) float32"], []),
        (
            "inputs",
            (replace(port("image"), shape=None),),
            "input-changed",
            ["image (?,8,8,3) float32"],
            ["image float32"],
        ),
        (
            "outputs",
            (port("head", 10), port("pool", 8)),
            "output-changed",
            ["head (?,10) float32"],
            ["head (?,10) float32", "pool (?,8) float32"],
        ),
    ],
)
def test_changed_ports_are_reported(
    side: str, ports: tuple[Port, ...], code: str, expected: list[str], actual: list[str]
) -> None:
    assert compared(NET, replace(NET, **{side: ports})) == [
        found(code, None, "ports", expected, actual)
    ]


def test_outputs_in_another_order_are_reported() -> None:
    both = (port("head", 10), port("pool", 8))
    golden, candidate = replace(NET, outputs=both), replace(NET, outputs=both[::-1])
    assert [f.code for f in compared(golden, candidate)] == ["output-changed"]


def test_an_output_taken_from_another_layer_is_found() -> None:
    moved = replace(NET, outputs=(replace(NET.outputs[0], source=Edge("pool")),))
    (finding,) = compared(NET, moved)
    assert (finding.code, finding.expected, finding.actual) == (
        "output-changed",
        ["head (?,10) float32"],
        ["head (?,10) float32 from pool"],
    )


def test_notes_do_not_hide_an_unnamed_difference() -> None:
    candidate = edited(NET, "head", training={}, config=None)
    errors = [f for f in compared(NET, candidate) if f.severity == "error"]
    assert errors == [found("structure-changed", None)]


def test_the_configuration_of_a_nested_model_is_not_reported_twice() -> None:
    def outer(rate: int, inner: str) -> Structure:
        edges: dict[str, Any] = {"inputs": [["body/a", 0, 0]], "outputs": [[f"body/{inner}", 0, 0]]}
        body = layer("body", "Functional", "in", **edges)
        return network(
            layer("in", "InputLayer"),
            body,
            layer("body/a", "ReLU", "body/a", rate=rate),
            layer(f"body/{inner}", "ELU", "body/a"),
        )

    assert compared(outer(1, "b"), outer(2, "b")) == [
        found("config-changed", "body/a", "rate", 1, 2)
    ]


def test_freezing_a_layer_does_not_change_the_verdict() -> None:
    frozen = relayered(NET, lambda la: replace(la, training={**la.training, "trainable": False}))
    assert {f.severity for f in compared(NET, frozen)} == {"note"}
