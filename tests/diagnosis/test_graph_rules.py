"""Rules on what feeds what, what goes in and out, and other models altogether."""

from typing import Any

import numpy as np
import pytest
from builders import (
    Values,
    dense,
    edited,
    fingerprint,
    layer,
    network,
    relayered,
    renamed,
    rewired,
    trained,
)
from diagnosing import NETS, ON_ALL, codes, compared, kernels, moved, neighbour
from msgspec.structs import replace

from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import Edge, Layer, Port, Structure
from fpcheck.report.result import Diagnosis


def diagnose_structures(
    net: Structure, other: Structure, values: Values | None = None
) -> list[Diagnosis]:
    """The diagnoses of another structure with the same weights."""
    values = trained(net) if values is None else values
    return diagnose(compared(fingerprint(net), fingerprint(other, values)))


def joined(*order: str) -> Structure:
    """Two branches that are joined in some order."""
    return network(
        layer("image", "InputLayer"),
        dense("left", "image", 8, 6),
        dense("right", "image", 8, 6),
        layer("join", "Concatenate", *(order or ("left", "right"))),
        dense("last", "join", 12, 3),
    )


def test_layer_inputs_in_another_order_are_graph_rewired() -> None:
    net = joined()
    (found,) = diagnose_structures(net, joined("right", "left"))
    assert (found.code, found.layers, found.confidence) == ("graph-rewired", ["join"], 1.0)
    assert found.summary == "join takes right, left (the order differs; golden: left, right)."


def test_calls_of_a_shared_layer_are_distinguished() -> None:
    def depths(first: int, second: int) -> Structure:
        join = layer("cat", "Concatenate", "shared", "shared")
        (call,) = join.calls or ()
        uses = replace(call, inputs=(Edge("shared", first), Edge("shared", second)))
        net = network(
            layer("image", "InputLayer"),
            dense("shared", "image", 8, 8),
            replace(join, calls=(uses,)),
            dense("last", "cat", 16, 3),
        )
        return called(net, "shared", "image", "shared", "image")

    (found,) = diagnose_structures(depths(2, 0), depths(0, 2))
    assert (found.code, found.layers, found.confidence) == ("graph-rewired", ["cat"], 1.0)
    assert found.summary == (
        "cat takes shared (call 1), shared (call 3) (the order differs; golden: shared (call 3), "
        "shared (call 1))."
    )


def test_outputs_of_one_layer_are_distinguished() -> None:
    def taking(output: int) -> Structure:
        net = joined("left", "right")
        (call,) = net.by_path["join"].calls or ()
        edges = (Edge("left"), Edge("right", output=output))
        return edited(net, "join", calls=(replace(call, inputs=edges),))

    (found,) = diagnose_structures(taking(0), taking(1))
    assert found.summary == "join takes left, right (output 2) (golden: left, right)."


@pytest.mark.parametrize(("path", "source"), [("conv3", "norm1"), ("pool", "conv3")])
def test_a_layer_with_another_input_is_graph_rewired(path: str, source: str) -> None:
    net = NETS["convnet"]
    was = net.by_path[path].inbound[0]
    (found,) = diagnose_structures(net, rewired(net, path, source))
    assert (found.code, found.layers) == ("graph-rewired", [path])
    assert found.summary == f"{path} takes {source} (golden: {was})."


def called(net: Structure, path: str, *sources: str) -> Structure:
    """A layer that is called once on each of several."""
    (call,) = net.by_path[path].calls or ()
    return edited(net, path, calls=tuple(replace(call, inputs=(Edge(s),)) for s in sources))


@pytest.mark.parametrize("path", ["left", "right"])
def test_a_layer_that_is_no_longer_shared_is_sharing_lost(path: str) -> None:
    once = joined()
    twice = called(once, path, "image", "image")
    copy = dense("copy", "image", 8, 6)
    split = replace(once, layers=(*once.layers[:3], copy, *once.layers[3:]))
    (found,) = diagnose_structures(twice, split, {**trained(split), **trained(once)})
    assert (found.code, found.layers, found.confidence) == ("sharing-lost", [path], 1.0)
    assert found.summary == f"{path} is called once (golden: 2 times); new: copy."
    (more,) = diagnose_structures(once, twice)
    assert (more.code, more.summary) == (
        "graph-rewired",
        f"{path} is called 2 times (golden: once).",
    )


def port(net: Structure, **changes: Any) -> Structure:
    return replace(net, inputs=tuple(replace(p, **changes) for p in net.inputs))


@ON_ALL
def test_another_model_input_is_input_changed(net: Structure) -> None:
    name, was = net.inputs[0].name, ",".join(str(n or "?") for n in net.inputs[0].shape or ())
    (found,) = diagnose_structures(net, port(net, shape=(None, 3, 3, 5)))
    assert (found.code, found.layers, found.confidence) == ("input-changed", [name], 1.0)
    assert (
        found.summary
        == f"The model takes {name} (?,3,3,5) float32; the golden takes {name} ({was}) float32."
    )
    assert found.evidence == ["shape, type or number differ"]
    (found,) = diagnose_structures(net, port(net, dtype="int32"))
    assert (
        found.summary
        == f"The model takes {name} ({was}) int32; the golden takes {name} ({was}) float32."
    )


def test_model_inputs_in_another_order_are_input_changed() -> None:
    def both(*names: str) -> Structure:
        net = joined()
        inputs = tuple(Port(n, (None, 8 if n == "a" else 9), "float32", Edge(n)) for n in names)
        return replace(
            net,
            inputs=inputs,
            layers=(layer("a", "InputLayer"), layer("b", "InputLayer"), *net.layers[1:]),
        )

    found = diagnose_structures(both("a", "b"), both("b", "a"))[0]
    assert (found.code, found.layers) == ("input-changed", ["a", "b"])
    assert found.evidence == ["the same inputs, in another order"]


@ON_ALL
def test_another_model_output_is_output_changed(net: Structure) -> None:
    before, last = net.layers[-2].path, net.layers[-1].path
    (out,) = net.outputs
    other = replace(net, outputs=(out, Port(before, (None, 3), "float32", Edge(before))))
    (found,) = diagnose_structures(net, other)
    assert (found.code, found.layers, found.confidence) == ("output-changed", [last], 1.0)
    assert found.summary == (
        f"The model gives {last} (?,10) float32, {before} (?,3) float32; the golden gives "
        f"{last} (?,10) float32."
    )


@ON_ALL
@pytest.mark.parametrize("now", ["mixed_float16", "bfloat16"])
def test_another_dtype_is_dtype_changed(net: Structure, now: str) -> None:
    paths = [la.path for la in net.layers]
    (found,) = diagnose_structures(net, relayered(net, lambda la: replace(la, dtype=now)))
    assert (found.code, found.layers, found.confidence) == ("dtype-changed", paths, 1.0)
    shown = f"{', '.join(paths[:3])} and {len(paths) - 3} more"
    assert found.summary == f"The dtype of {shown} is {now} (golden: float32)."
    assert found.evidence == [f"{len(paths)} layers: {now} instead of float32"]
    path = kernels(net)[0].partition("/")[0]
    (found,) = diagnose_structures(net, edited(net, path, dtype=now))
    assert found.summary == f"The dtype of {path} is {now} (golden: float32)."


@ON_ALL
def test_tensors_stored_in_another_dtype_are_dtype_changed(net: Structure) -> None:
    path = kernels(net)[0].partition("/")[0]
    tensors = tuple(replace(t, dtype="float16") for t in net.by_path[path].tensors)
    half = {
        n: v.astype(np.float16) if n.startswith(f"{path}/") else v for n, v in trained(net).items()
    }
    found = diagnose_structures(net, edited(net, path, tensors=tensors), half)[0]
    assert found.summary == f"The weight dtype of {path} is float16 (golden: float32)."
    assert found.evidence == ["2 tensors: float16 instead of float32"]


@ON_ALL
def test_renamed_layers_are_reported_beside_other_causes(net: Structure) -> None:
    names = {la.path: f"new_{la.path}" for la in net.layers}
    first = net.layers[0].path
    other = renamed(net, names)
    values = {f"new_{n}": moved(v) for n, v in trained(net).items()}
    found = diagnose_structures(net, other, values)
    assert codes(found) == ["fine-tuned", "layers-renamed"]
    assert found[1].confidence == 0.3
    assert found[1].summary == f"{len(names)} layers renamed: {first} is now new_{first}."
    assert found[1].evidence == ["layers were paired by place; names do not change outputs"]


SMALL, LARGE = NETS["perceptron"], NETS["convnet"]


@pytest.mark.parametrize(
    ("net", "other", "share"), [(SMALL, LARGE, "2 of 9"), (LARGE, SMALL, "2 of 9")]
)
def test_a_wrong_architecture_is_the_only_diagnosis(
    net: Structure, other: Structure, share: str
) -> None:
    (found,) = diagnose(compared(fingerprint(net), fingerprint(other)))
    assert (found.code, found.layers, found.confidence) == ("wrong-architecture", [], 0.97)
    assert found.summary == "Only 2 of 9 layers match the golden: it is another model."
    own, its = len(net.layers), len(other.layers)
    assert found.evidence == [f"{own} layers in the golden, {its} here"]


@pytest.mark.parametrize(("net", "other"), [(SMALL, LARGE), (LARGE, SMALL)])
def test_a_golden_with_the_same_structure_is_named(net: Structure, other: Structure) -> None:
    goldens = [neighbour("far@1", Fingerprint(joined())), neighbour("right@2", Fingerprint(other))]
    comparison = compared(fingerprint(net), fingerprint(other))
    (found,) = diagnose(comparison, lambda: iter(goldens))
    assert found.confidence == 1.0
    assert (
        found.summary
        == "Only 2 of 9 layers match the golden: it has the structure of the golden right@2."
    )
    assert (
        found.advice == "Compare with the right golden: --golden right@2, or build the right model."
    )


@pytest.mark.parametrize(("net", "other"), [(SMALL, LARGE), (LARGE, SMALL)])
def test_a_golden_with_other_settings_is_the_nearest_and_no_proof(
    net: Structure, other: Structure
) -> None:
    path = other.layers[1].path
    near = edited(other, path, config={**(other.by_path[path].config or {}), "activation": "elu"})
    comparison = compared(fingerprint(net), fingerprint(other))
    (found,) = diagnose(comparison, lambda: iter([neighbour("near@1", Fingerprint(near))]))
    assert found.confidence == 0.97
    assert found.summary == "Only 2 of 9 layers match the golden: it is another model."
    assert found.evidence[1] == (
        "nearest golden: near@1; 100% of the layers with weights have equal shapes"
    )


@pytest.mark.parametrize(("net", "other"), [(SMALL, LARGE), (LARGE, SMALL)])
def test_a_golden_with_other_shapes_is_not_named(net: Structure, other: Structure) -> None:
    wider = replace(other, layers=tuple(_wider(la) for la in other.layers))
    comparison = compared(fingerprint(net), fingerprint(other))
    (found,) = diagnose(comparison, lambda: iter([neighbour("far@1", Fingerprint(wider))]))
    assert len(found.evidence) == 1
    assert found.advice == "Compare with the right golden, or build the right model."


def _wider(layer: Layer) -> Layer:
    wide = tuple(replace(t, shape=tuple(2 * size for size in t.shape)) for t in layer.tensors)
    return replace(layer, tensors=wide)
