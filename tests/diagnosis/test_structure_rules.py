"""Rules on what is built otherwise."""

import pytest
from builders import (
    Values,
    dense,
    edited,
    fingerprint,
    holding,
    layer,
    network,
    outputs,
    rewired,
    trained,
)
from diagnosing import NETS, ON_ALL, ON_CONVNETS, codes, compared, diagnose_values
from msgspec.structs import replace

from fpcheck.comparison.compare import CloserLook
from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import Structure
from fpcheck.report.result import Diagnosis


@pytest.mark.parametrize(
    ("net", "path", "attribute", "old", "new"),
    [
        (NETS["convnet"], "conv2", "padding", "same", "valid"),
        (NETS["wide"], "norm1", "epsilon", 1e-3, 1e-5),
        (NETS["perceptron"], "first", "activation", "linear", "relu"),
    ],
)
def test_a_changed_attribute_is_named_with_both_values(
    net: Structure, path: str, attribute: str, old: object, new: object
) -> None:
    config = next(la.config for la in net.layers if la.path == path)
    assert config is not None
    assert config[attribute] == old
    other = edited(net, path, config={**config, attribute: new})
    (found,) = diagnose(compared(fingerprint(net), fingerprint(other)))
    assert (found.code, found.layers, found.confidence) == ("config-changed", [path], 1.0)
    assert found.summary == f"{path}: {attribute} is {new} (golden: {old})."


@ON_ALL
def test_a_missing_top_and_a_missing_inner_layer_are_distinguished(net: Structure) -> None:
    body = replace(net, layers=net.layers[:-1])
    top, last = net.layers[-1].path, net.layers[-2].path
    (found,) = diagnose(compared(fingerprint(net), fingerprint(body, trained(net))))
    assert (found.code, found.layers, found.confidence) == ("layers-removed", [top], 1.0)
    assert found.summary == f"The model lacks the top of the golden: {top}."
    assert found.evidence == [f"{len(net.layers) - 1} of {len(net.layers)} layers are present"]
    gap = rewired(replace(net, layers=(*net.layers[:-2], net.layers[-1])), top, net.layers[-3].path)
    (found,) = diagnose(compared(fingerprint(net), fingerprint(gap, trained(net))))
    assert (found.code, found.layers, found.confidence) == ("layers-removed", [last], 1.0)
    assert found.summary == f"The model lacks 1 layer of the golden: {last}."
    assert found.advice == "Build the missing layers."


@ON_ALL
def test_added_layers_are_named(net: Structure) -> None:
    last = net.layers[-1].path
    more = replace(net, layers=(*net.layers, layer("drop", "Dropout", last)))
    (found,) = diagnose(compared(fingerprint(net), fingerprint(more, trained(net))))
    assert (found.code, found.layers, found.confidence) == ("layers-added", ["drop"], 1.0)
    assert found.summary == "The model has 1 layer that the golden lacks: drop (Dropout)."
    assert found.evidence == [f"{len(net.layers)} layers of the golden are present"]


def test_unrelated_models_have_no_missing_layers() -> None:
    other = network(layer("a", "Masking"), dense("b", "a", 3, 4))
    found = diagnose(compared(Fingerprint(NETS["perceptron"]), Fingerprint(other)))
    assert not {"layers-removed", "layers-added"} & set(codes(found))


def diagnose_structures(
    net: Structure, other: Structure, values: Values | None = None
) -> list[Diagnosis]:
    """The diagnoses of another structure with the same weights."""
    values = trained(net) if values is None else values
    return diagnose(compared(fingerprint(net), fingerprint(other, values)))


@pytest.mark.parametrize(("path", "epsilon"), [("norm1", 1e-5), ("norm2", 1e-2)])
def test_a_changed_epsilon_is_shown_with_the_smallest_variance(path: str, epsilon: float) -> None:
    net = NETS["convnet"]
    other = edited(net, path, config={**(net.by_path[path].config or {}), "epsilon": epsilon})
    (found,) = diagnose_structures(net, other)
    least = trained(net)[f"{path}/moving_variance"].min()
    assert found.evidence == [
        f"{path}: epsilon is {epsilon} (golden: 0.001)",
        "epsilon: added to the variance; it matters where variances are small",
        f"{path}: the smallest moving_variance is {least:.3g}",
    ]


@pytest.mark.parametrize("back", [False, True])
@ON_CONVNETS
def test_moved_strides_are_one_sentence(net: Structure, back: bool) -> None:
    def strided(first: int, second: int) -> Structure:
        found = net
        for path, step, size in (("conv2", first, 1), ("conv3", second, 3)):
            config = {
                **(net.by_path[path].config or {}),
                "strides": [step, step],
                "kernel_size": [size, size],
            }
            found = edited(found, path, config=config)
        return found

    old, new = ((2, 1), (1, 2)) if not back else ((1, 2), (2, 1))
    (found,) = diagnose_structures(strided(*old), strided(*new))
    assert (found.code, found.layers) == ("config-changed", ["conv2", "conv3"])
    given, got = ("conv2 (1x1)", "conv3 (3x3)") if not back else ("conv3 (3x3)", "conv2 (1x1)")
    assert found.summary == (
        f"strides moved from {given} to {got}: code of ResNet v1.5 with weights of v1."
    )


@pytest.mark.parametrize(("path", "kind"), [("norm1", "LayerNormalization"), ("relu1", "ELU")])
def test_another_class_is_config_changed(path: str, kind: str) -> None:
    net = NETS["convnet"]
    was = net.by_path[path].class_name
    found = diagnose_structures(net, edited(net, path, class_name=kind))[0]
    assert (found.code, found.layers) == ("config-changed", [path])
    assert found.summary == f"{path}: class is {kind} (golden: {was})."


@ON_ALL
def test_attributes_that_get_config_leaves_out_are_named(net: Structure) -> None:
    path = net.layers[1].path
    custom = edited(net, path, custom=True, attributes={"factor": 2.0})
    live = edited(custom, path, attributes={"factor": 3.0})
    golden = fingerprint(custom, outputs=outputs(net))
    comparison = compared(
        golden, replace(golden, outputs=outputs(net, outputs(net).answers[0].final * 2))
    )
    found = diagnose(replace(comparison, closer_look=CloserLook(structure=live)))[0]
    assert (found.code, found.layers, found.confidence) == ("config-changed", [path], 0.97)
    assert found.summary == f"{path}: factor is 3.0 (golden: 2.0)."
    assert diagnose(replace(comparison, closer_look=CloserLook(structure=custom))) == []


def normalising(width: int) -> Structure:
    """A Normalization that was given its mean: a constant, no weight."""
    item = holding(layer("scale", "Normalization", "in"), used_mean=(width,))
    tensors = tuple(replace(t, derived=True) for t in item.tensors)
    return network(
        layer("in", "InputLayer"), replace(item, tensors=tensors), dense("last", "scale", width, 3)
    )


@pytest.mark.parametrize("width", [4, 7])
def test_a_changed_constant_is_config_changed(width: int) -> None:
    net = normalising(width)
    (found,) = diagnose_values(net, {"scale/used_mean": trained(net)["scale/used_mean"] + 1})
    assert (found.code, found.layers) == ("config-changed", ["scale"])
    assert found.summary == "scale: mean differs from the golden's."
