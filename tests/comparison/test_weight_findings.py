"""Differences of weights: equal by digest, measured by sketches."""

import numpy as np
import pytest
from builders import Values, convnet, edited, fingerprint, layer, network, perceptron, trained
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.pairing import pair
from fpcheck.comparison.weight_findings import compare_weights
from fpcheck.fingerprint import weights
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import Structure, Tensor

NET = convnet()
VALUES = trained(NET)
NETS = [NET, perceptron(), convnet(5, 1)]


def compared(golden: Fingerprint, candidate: Fingerprint, allowed: float = 0.0) -> list[Finding]:
    return compare_weights(golden, candidate, pair(golden.structure, candidate.structure), allowed)


def changed(name: str, values: Array, allowed: float = 0.0) -> list[Finding]:
    """Findings where one tensor of the convnet holds other values."""
    return compared(fingerprint(NET, VALUES), fingerprint(NET, {**VALUES, name: values}), allowed)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("allowed", [0.0, 1e-6])
def test_equal_weights_have_no_findings(net: Structure, allowed: float) -> None:
    assert compared(fingerprint(net), fingerprint(net), allowed) == []


@pytest.mark.parametrize("name", VALUES)
def test_one_unit_in_the_last_place_is_found_in_every_tensor(name: str) -> None:
    values = VALUES[name].copy()
    values.reshape(-1)[-1] = np.nextafter(values.reshape(-1)[-1], np.float32(9))
    (found,) = changed(name, values)
    path, role = name.split("/")
    assert (found.code, found.layer, found.tensor) == ("tensor-changed", path, role)
    assert (found.metric, found.tolerance, found.severity) == ("relative_l2", 0.0, "error")
    assert 0 <= found.actual < 1e-6


def test_a_change_too_small_for_the_sketch_is_found() -> None:
    net = network(replace(layer("a", "X"), tensors=(Tensor("w", 0, (2,), "float64", None),)))
    golden = fingerprint(net, {"a/w": np.array([1.0, 1e-30])})
    candidate = fingerprint(net, {"a/w": np.array([1.0, 2e-30])})
    assert compared(golden, candidate) == [
        Finding("weights", "tensor-changed", "a", "w", "relative_l2", actual=0.0, tolerance=0.0)
    ]
    (allowed,) = compared(golden, candidate, 1e-9)
    assert (allowed.severity, allowed.actual) == ("note", 0.0)


@pytest.mark.parametrize("relative", [1e-5, 1e-3, 1e-1])
def test_only_differences_within_tolerance_pass(relative: float) -> None:
    values = VALUES["conv2/kernel"]
    step = np.random.default_rng(1).normal(size=values.shape)
    step *= relative * np.linalg.norm(values) / np.linalg.norm(step)
    other = (values + step).astype(np.float32)
    (allowed,) = changed("conv2/kernel", other, 2 * relative)
    assert (allowed.severity, allowed.tolerance) == ("note", 2 * relative)
    (found,) = changed("conv2/kernel", other, relative / 2)
    assert found.actual == pytest.approx(relative, rel=0.4)
    assert found.tolerance == relative / 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("allowed", [0.0, 1e-3, 1e30])
def test_non_finite_values_are_never_within_tolerance(bad: float, allowed: float) -> None:
    values = VALUES["conv2/kernel"].copy()
    values[0, 0, 0, :2] = bad
    assert changed("conv2/kernel", values, allowed) == [
        Finding("weights", "non-finite", "conv2", "kernel", "non_finite_values", 0, 2)
    ]


def test_nan_on_both_sides_does_not_hide_other_differences() -> None:
    holed = VALUES["head/bias"].copy()
    holed[0] = np.nan
    other = holed.copy()
    other[1] += 1
    golden = fingerprint(NET, {**VALUES, "head/bias": holed})
    assert compared(golden, golden, 1.0) == []
    (found,) = compared(golden, fingerprint(NET, {**VALUES, "head/bias": other}), 1.0)
    assert (found.code, found.metric) == ("tensor-changed", "relative_l2")
    assert np.isnan(found.actual)


def test_distances_to_a_golden_of_zeros_are_absolute() -> None:
    zeros = {**VALUES, "head/bias": np.zeros(10, np.float32)}
    ones = {**VALUES, "head/bias": np.ones(10, np.float32)}
    (found,) = compared(fingerprint(NET, zeros), fingerprint(NET, ones), 0.1)
    assert found.actual == pytest.approx(np.sqrt(10), rel=0.4)


def test_swapped_layers_are_measured_from_the_goldens_details() -> None:
    swapped = VALUES | {f"conv2/{r}": VALUES[f"conv3/{r}"] for r in ("kernel", "bias")}
    swapped |= {f"conv3/{r}": VALUES[f"conv2/{r}"] for r in ("kernel", "bias")}
    golden, candidate = fingerprint(NET, VALUES), fingerprint(NET, swapped)
    measured = compared(golden, candidate)
    bare = replace(
        candidate, weights=tuple(replace(m, details=None) for m in candidate.weights or ())
    )
    assert compared(golden, bare) == measured
    assert [f.where for f in measured] == [
        f"conv{n}/{r}" for n in (2, 3) for r in ("kernel", "bias")
    ]
    assert all(f.actual > 0.5 for f in measured)


@pytest.mark.parametrize("allowed", [0.0, 1.0])
def test_a_changed_tensor_without_details_is_a_difference(allowed: float) -> None:
    golden = fingerprint(NET)
    candidate = fingerprint(NET, {**VALUES, "head/bias": VALUES["head/bias"] + 1})
    bare = replace(
        candidate, weights=tuple(replace(m, details=None) for m in candidate.weights or ())
    )
    assert compared(golden, bare, allowed) == [
        Finding("weights", "tensor-changed", "head", "bias", "digest", tolerance=0.0)
    ]


def test_missing_and_added_tensors_are_reported() -> None:
    bare = edited(NET, "head", tensors=NET.layers[-1].tensors[:1])
    full, less = fingerprint(NET), fingerprint(bare, VALUES)
    assert compared(full, less) == [Finding("weights", "tensor-missing", "head", "bias")]
    assert compared(less, full) == [Finding("weights", "tensor-added", "head", "bias")]


def test_the_tensors_of_missing_and_added_layers_are_reported() -> None:
    less = replace(NET, layers=NET.layers[:-1])
    full, cut = fingerprint(NET), fingerprint(less, VALUES)
    roles = ("kernel", "bias")
    assert compared(full, cut) == [Finding("weights", "tensor-missing", "head", r) for r in roles]
    assert compared(cut, full) == [Finding("weights", "tensor-added", "head", r) for r in roles]


@pytest.mark.parametrize(
    ("shape", "dtype", "actual"),
    [((11,), "float32", "float32 [11]"), ((10,), "float16", "float16 [10]")],
)
def test_another_type_or_shape_is_reported_instead_of_values(
    shape: tuple[int, ...], dtype: str, actual: str
) -> None:
    kernel, bias = NET.layers[-1].tensors
    net = edited(NET, "head", tensors=(kernel, replace(bias, shape=shape, dtype=dtype)))
    other = {**VALUES, "head/bias": np.zeros(shape, dtype)}
    assert compared(fingerprint(NET), fingerprint(net, other), 1e9) == [
        Finding("weights", "tensor-changed", "head", "bias", "type", "float32 [10]", actual)
    ]


@pytest.mark.parametrize("allowed", [0.0, 1e9])
def test_strings_are_compared_by_digest(allowed: float) -> None:
    tensor = Tensor("vocabulary", 0, (2,), "string", False, derived=True)
    net = network(replace(layer("a", "StringLookup"), tensors=(tensor,)))

    def holding(*words: str) -> Fingerprint:
        return Fingerprint(net, (weights.measure(np.array(words, object), "string"),))

    assert compared(holding("a", "b"), holding("a", "b"), allowed) == []
    assert compared(holding("a", "b"), holding("b", "a"), allowed) == [
        Finding("weights", "tensor-changed", "a", "vocabulary", "digest", tolerance=0.0)
    ]


@pytest.mark.parametrize("side", ["golden", "candidate"])
def test_weights_on_one_side_only_are_not_compared(side: str) -> None:
    sides = {"golden": fingerprint(NET), "candidate": fingerprint(NET)}
    sides[side] = Fingerprint(NET)
    assert compared(sides["golden"], sides["candidate"]) == []


def test_equal_weights_under_the_same_role_in_a_custom_layer_match() -> None:
    tensors = tuple(Tensor("w", n, (4,), "float32", True) for n in range(2))
    net = network(replace(layer("a", "Mine", "a"), tensors=tensors, custom=True))
    drawn: Values = {"a/0": np.arange(4, dtype=np.float32), "a/1": np.ones(4, np.float32)}
    measured = Fingerprint(net, tuple(weights.measure(v, "float32") for v in drawn.values()))
    assert compared(measured, measured) == []
