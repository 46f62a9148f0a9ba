"""Rules on what is built otherwise."""

import pytest
from builders import dense, edited, fingerprint, layer, network, rewired, trained
from diagnosing import NETS, ON_ALL, codes, compared
from msgspec.structs import replace

from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.value import Fingerprint


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
    assert found.summary == f"{path}: {attribute} is {new}, golden {old}."


@ON_ALL
def test_a_missing_top_is_told_from_a_gap(net: Structure) -> None:
    body = replace(net, layers=net.layers[:-1])
    top, last = net.layers[-1].path, net.layers[-2].path
    (found,) = diagnose(compared(fingerprint(net), fingerprint(body, trained(net))))
    assert (found.code, found.layers, found.confidence) == ("layers-removed", [top], 1.0)
    assert found.summary == f"This is the body of the golden, its top is missing: {top}."
    assert found.evidence == [f"{len(net.layers) - 1} of {len(net.layers)} layers are there"]
    gap = rewired(replace(net, layers=(*net.layers[:-2], net.layers[-1])), top,
                  net.layers[-3].path)  # fmt: skip
    (found,) = diagnose(compared(fingerprint(net), fingerprint(gap, trained(net))))
    assert (found.code, found.layers, found.confidence) == ("layers-removed", [last], 1.0)
    assert found.summary == f"1 layer of the golden missing from the middle: {last}."
    assert found.advice == "Build the missing layers."


@ON_ALL
def test_added_layers_are_named(net: Structure) -> None:
    last = net.layers[-1].path
    more = replace(net, layers=(*net.layers, layer("drop", "Dropout", last)))
    (found,) = diagnose(compared(fingerprint(net), fingerprint(more, trained(net))))
    assert (found.code, found.layers, found.confidence) == ("layers-added", ["drop"], 1.0)
    assert found.summary == "1 layer that the golden lacks: drop (Dropout)."
    assert found.evidence == [f"{len(net.layers)} layers of the golden are there"]


def test_models_with_nothing_in_common_have_no_missing_layers() -> None:
    other = network(layer("a", "Masking"), dense("b", "a", 3, 4))
    found = diagnose(compared(Fingerprint(NETS["perceptron"]), Fingerprint(other)))
    assert not {"layers-removed", "layers-added"} & set(codes(found))
