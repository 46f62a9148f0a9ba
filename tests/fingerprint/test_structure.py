"""The structure: names made stable, ids, and what its digests depend on."""

from typing import Any

import numpy as np
import pytest
from builders import convnet, dense, edited, fingerprint, layer, network, renamed, rewired, trained
from msgspec.structs import replace

from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import content_id
from fpcheck.fingerprint.layer_names import stable_names
from fpcheck.fingerprint.structure import (
    Call,
    Edge,
    Port,
    Structure,
    Tensor,
)

NET = convnet()


@pytest.mark.parametrize(
    ("names", "stable"),
    [
        ([], []),
        (["dense"], ["dense"]),
        (["dense_7"], ["dense"]),
        (["dense", "dense_1"], ["dense", "dense#1"]),
        (["dense_9", "dense_10", "dense_11"], ["dense", "dense#1", "dense#2"]),
        (["dense_3", "conv2d_8", "dense_2"], ["dense#1", "conv2d", "dense"]),
        (["block_1_conv", "block_2_conv"], ["block_1_conv", "block_2_conv"]),
        (["block_1_2", "block_1_1"], ["block_1#1", "block_1"]),
        (["conv1", "conv2"], ["conv1", "conv2"]),
        (["_3", "a_"], ["_3", "a_"]),
        (["b", "b"], ["b", "b#1"]),
    ],
)
def test_running_numbers_become_ranks(names: list[str], stable: list[str]) -> None:
    assert stable_names(names) == stable


def test_the_content_id_does_not_depend_on_the_order_of_layers() -> None:
    values = trained(NET)
    turned = replace(NET, layers=NET.layers[::-1])
    assert fingerprint(NET, values).content_id == fingerprint(turned, values).content_id


@pytest.mark.parametrize("names", [{"conv2": "other"}, {"conv2": "conv3", "conv3": "conv2"}])
def test_the_content_id_depends_on_names(names: dict[str, str]) -> None:
    digests = [m.digest for m in fingerprint(NET).weights or ()]
    assert content_id(NET, digests) != content_id(renamed(NET, names), digests)


def test_the_content_id_depends_on_values_and_on_places_in_a_layer() -> None:
    digests = [m.digest for m in fingerprint(NET).weights or ()]
    exchanged = [digests[1], digests[0], *digests[2:]]
    assert len({content_id(NET, d) for d in (digests, exchanged, digests[::-1])}) == 3


def test_the_content_id_leaves_out_roles_and_derived_tensors() -> None:
    first, second = (
        Tensor("kernel", 0, (2,), "float32", True),
        Tensor("w", 0, (2,), "float32", None),
    )
    vocabulary = Tensor("vocabulary", 1, (3,), "string", False, derived=True)
    bare = layer("a", "StringLookup")
    ids = {
        content_id(network(replace(bare, tensors=tensors)), digests)
        for tensors, digests in [
            ((first,), [b"1"]),
            ((second,), [b"1"]),
            ((first, vocabulary), [b"1", b"2"]),
            ((first, vocabulary), [b"1", b"3"]),
        ]
    }
    assert len(ids) == 1


def test_a_digest_for_every_tensor_is_wanted() -> None:
    with pytest.raises(ValueError):
        content_id(NET, [b"1"])


def test_the_content_id_of_a_model_without_weights_is_that_of_nothing() -> None:
    assert content_id(Structure("Functional", (), (), ()), []) == digest.of_bytes(b"[]")


ALL = {item.path: f"renamed_{place}" for place, item in enumerate(NET.layers)}
CONV1 = NET.layers[1]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("config", edited(NET, "conv1", config={**(CONV1.config or {}), "padding": "valid"})),
        ("class", edited(NET, "relu1", class_name="ELU")),
        ("dtype", edited(NET, "conv1", dtype="mixed_float16")),
        ("edge", rewired(NET, "conv3", "conv1")),
        (
            "arguments",
            edited(
                NET,
                "conv1",
                calls=(replace((CONV1.calls or ())[0], arguments={"kwargs": {"a": 1}}),),
            ),
        ),
        ("sharing", edited(NET, "conv1", calls=(CONV1.calls or ()) * 2)),
        ("shape", edited(NET, "relu1", calls=(Call((Edge("norm1"),), {}, ((None, 4),)),))),
        ("tensor", edited(NET, "conv1", tensors=CONV1.tensors[:1])),
        (
            "tensor dtype",
            edited(
                NET, "conv1", tensors=(replace(CONV1.tensors[0], dtype="int8"), CONV1.tensors[1])
            ),
        ),
        ("order", replace(NET, layers=NET.layers[::-1])),
        ("input", replace(NET, inputs=(replace(NET.inputs[0], dtype="uint8"),))),
        ("output", replace(NET, outputs=NET.outputs * 2)),
        ("output source", replace(NET, outputs=(replace(NET.outputs[0], source=Edge("pool")),))),
    ],
)
def test_what_decides_outputs_changes_both_digests(name: str, other: Structure) -> None:
    assert other.digest != NET.digest, name
    assert other.shape_digest != NET.shape_digest, name


def test_names_change_the_digest_and_not_the_shape_digest() -> None:
    other = renamed(NET, ALL)
    assert other.digest != NET.digest
    assert other.shape_digest == NET.shape_digest


@pytest.mark.parametrize(
    "other",
    [
        edited(NET, "conv1", training={}),
        edited(NET, "conv1", tensors=tuple(replace(t, trainable=None) for t in CONV1.tensors)),
        replace(NET, class_name="Sequential"),
    ],
)
def test_training_changes_no_digest(other: Structure) -> None:
    assert (other.digest, other.shape_digest) == (NET.digest, NET.shape_digest)


def test_the_names_inside_a_nested_model_count_as_names() -> None:
    def outer(inner: str) -> Structure:
        edges: dict[str, Any] = {
            "inputs": [[f"body/{inner}", 0, 0]],
            "outputs": [[f"body/{inner}", 0, 0]],
        }
        body = layer("body", "Functional", "image", **edges)
        return network(layer("image", "InputLayer"), body, layer(f"body/{inner}", "ReLU", "image"))

    assert outer("a").shape_digest == outer("b").shape_digest
    assert outer("a").digest != outer("b").digest


def test_it_counts_parameters() -> None:
    frozen = Tensor("mean", 0, (5,), "float32", False)
    free = Tensor("kernel", 1, (2, 3), "float32", True)
    derived = Tensor("vocabulary", 2, (9,), "string", False, derived=True)
    net = network(replace(layer("a", "X"), tensors=(frozen, free, derived), custom=True))
    assert (net.parameters, net.trainable_parameters, net.custom_code) == (11, 6, True)


def test_a_layer_lists_its_inputs_once_and_whether_it_is_shared() -> None:
    calls = (
        Call((Edge("b"), Edge("a")), {}, ((None, 3),)),
        Call((Edge("a"),), {}, ((None, 4), (None,))),
    )
    shared = replace(layer("c", "Add"), calls=calls)
    assert (shared.inbound, shared.shared) == (("b", "a"), True)
    assert shared.output_shapes == ((None, 3), (None, 4), (None,))
    ungraphed = replace(shared, calls=None)
    assert (ungraphed.inbound, ungraphed.shared, ungraphed.output_shapes) == ((), False, ())


def test_a_fingerprint_lists_its_levels() -> None:
    full = fingerprint(NET)
    assert full.levels == ("structure", "weights")
    bare = replace(full, weights=None)
    assert (bare.levels, bare.content_id) == (("structure",), None)


def test_a_scalar_has_one_value() -> None:
    assert Tensor("count", 0, (), "int32", False).size == 1
    assert np.prod(dense("a", "b", 3, 4).tensors[0].shape) == 12


def test_ports_without_source_are_allowed() -> None:
    port = Port("x", None, "float32", None)
    assert Structure("Subclassed", (port,), (), ()).digest != Structure("S", (), (), ()).digest
