"""Which layers correspond."""

import pytest
from builders import (
    convnet,
    convolution,
    dense,
    edited,
    layer,
    network,
    perceptron,
    renamed,
    rewired,
)
from msgspec.structs import replace

from fpcheck.comparison.pairing import Pairing, pair
from fpcheck.fingerprint.structure import Layer, Structure, Tensor

NET = convnet()
PATHS = [item.path for item in NET.layers]


def names(layers: tuple[Layer, ...]) -> list[str]:
    return [item.path for item in layers]


def inserted(structure: Structure, place: int, new: Layer) -> Structure:
    """A layer put between two that followed each other."""
    before, after = structure.layers[place - 1].path, structure.layers[place].path
    layers = (*structure.layers[:place], new, *structure.layers[place:])
    assert new.inbound == (before,)
    return rewired(replace(structure, layers=layers), after, new.path)


def without(structure: Structure, path: str) -> Structure:
    """A layer taken out of a chain."""
    place = [item.path for item in structure.layers].index(path)
    layers = structure.layers[:place] + structure.layers[place + 1 :]
    return rewired(replace(structure, layers=layers), layers[place].path, layers[place - 1].path)


def outcome(pairing: Pairing) -> tuple[dict[str, str], list[str], list[str], str]:
    differing = {g: c for g, c in pairing.to_candidate.items() if g != c}
    return differing, names(pairing.removed), names(pairing.added), pairing.how


@pytest.mark.parametrize("net", [NET, perceptron(), convnet(3, 1)])
def test_equal_structures_are_paired_by_place(net: Structure) -> None:
    found = pair(net, net)
    assert outcome(found) == ({}, [], [], "place")
    assert list(found.to_golden) == names(net.layers)
    assert found.renamed == []


def test_a_model_renamed_throughout_is_paired_by_place() -> None:
    calling = {path: f"x{place}" for place, path in enumerate(PATHS)}
    found = pair(NET, renamed(NET, calling))
    assert outcome(found) == (calling, [], [], "place")
    assert [p.golden.path for p in found.renamed] == PATHS


def test_exchanged_names_are_paired_by_name() -> None:
    calling = {"conv2": "conv3", "conv3": "conv2"}
    assert outcome(pair(NET, renamed(NET, calling))) == ({}, [], [], "name")


@pytest.mark.parametrize("place", range(1, len(PATHS)))
def test_an_inserted_layer_is_added_and_nothing_else(place: int) -> None:
    new = layer("new", "Activation", PATHS[place - 1], activation="tanh")
    assert outcome(pair(NET, inserted(NET, place, new))) == ({}, [], ["new"], "name")


@pytest.mark.parametrize("path", PATHS[1:-1])
def test_a_removed_layer_is_removed_and_nothing_else(path: str) -> None:
    assert outcome(pair(NET, without(NET, path))) == ({}, [path], [], "name")


def test_a_renamed_layer_in_a_changed_model_is_paired_by_content() -> None:
    other = renamed(edited(NET, "relu1", class_name="ELU"), {"conv2": "convolution"})
    assert outcome(pair(NET, other)) == ({"conv2": "convolution"}, [], [], "name")


def numbered(first: int, count: int, extra: bool) -> Structure:
    """Dense layers as Keras numbers them; an extra one in front makes the numbers drift."""
    sizes = [(6, 7)] * extra + [(7 if extra and not n else 6 + n, 7 + n) for n in range(count)]
    layers = [layer("in", "InputLayer", out=(None, 6))]
    for n, (before, after) in enumerate(sizes):
        layers.append(dense(f"dense_{first + n}", layers[-1].path, before, after))
    return network(*layers)


def test_changed_running_numbers_are_not_used_for_pairing() -> None:
    golden, candidate = numbered(0, 6, extra=False), numbered(0, 6, extra=True)
    found = pair(golden, candidate)
    wanted = {f"dense_{n}": f"dense_{n + 1}" for n in range(1, 6)}
    assert {g: c for g, c in found.to_candidate.items() if g in wanted} == wanted
    assert (found.how, names(found.removed), names(found.added)) == ("content", [], ["dense_1"])


def test_running_numbers_of_another_process_are_paired_by_place() -> None:
    found = pair(numbered(0, 6, extra=False), numbered(40, 6, extra=False))
    assert found.to_candidate["dense_5"] == "dense_45"
    assert (found.how, found.renamed) == ("place", [])


def test_each_layer_is_paired_once_and_none_is_lost() -> None:
    other = renamed(
        inserted(without(NET, "conv2"), 1, layer("new", "ReLU", "image")), {"pool": "p"}
    )
    found = pair(NET, other)
    golden = [*found.to_candidate, *names(found.removed)]
    candidate = [*found.to_golden, *names(found.added)]
    assert sorted(golden) == sorted(PATHS)
    assert sorted(candidate) == sorted(names(other.layers))


def test_unrelated_models_are_not_paired() -> None:
    other = network(layer("a", "Masking"), layer("b", "LSTM", "a"))
    found = pair(perceptron(), other)
    assert outcome(found) == ({}, names(perceptron().layers), ["a", "b"], "content")


@pytest.mark.parametrize(
    ("roles", "wanted"),
    [
        (["kernel", "bias"], ["kernel", "bias"]),
        (["bias", "kernel"], ["kernel", "bias"]),
        (["w", "b"], ["w", "b"]),
        (["kernel"], ["kernel", None]),
        (["bias"], [None, "bias"]),
        (["#0"], [None, "#0"]),
        ([], [None, None]),
    ],
)
def test_tensors_are_matched_by_role_then_by_shape_and_index(
    roles: list[str], wanted: list[str | None]
) -> None:
    golden = convolution("a", "x", 3, 3, 8)
    tensors = tuple(Tensor(role, n, (8,), "float32", None) for n, role in enumerate(roles))
    found = pair(network(golden), network(replace(golden, tensors=tensors))).pairs[0].tensors
    assert [other and other.role for _, other in found] == wanted


def test_tensors_with_one_role_are_matched_by_index() -> None:
    """Custom layers may call several weights alike."""
    tensors = tuple(Tensor("w", n, (8,), "float32", True) for n in range(3))
    net = network(replace(layer("a", "Mine"), tensors=tensors))
    assert [other and other.index for _, other in pair(net, net).pairs[0].tensors] == [0, 1, 2]


@pytest.mark.parametrize(
    ("digests_of_file", "wanted"),
    [
        ([b"0", b"1", b"3"], [0, 1, None, 2]),
        ([b"1", b"2", b"3"], [None, 0, 1, 2]),
        ([b"3", b"1"], [None, 1, None, 0]),
        ([b"0", b"9", b"3"], [0, 1, None, 2]),
    ],
)
def test_missing_tensors_are_matched_by_digest_before_index(
    digests_of_file: list[bytes], wanted: list[int | None]
) -> None:
    def holding(count: int, role: str) -> Layer:
        tensors = (Tensor(role.format(n), n, (8,), "float32", None) for n in range(count))
        return replace(layer("a", "Mine"), tensors=tuple(tensors))

    golden, candidate = holding(4, "role_{}"), holding(len(digests_of_file), "#{}")
    digests = {"a": (b"0", b"1", b"2", b"3")}, {"a": tuple(digests_of_file)}
    found = pair(network(golden), network(candidate), digests).pairs[0].tensors
    assert [other and other.index for _, other in found] == wanted
