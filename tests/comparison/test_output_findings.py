"""Differences of outputs, and where they begin."""

import numpy as np
import pytest
from builders import activation, convnet, fingerprint, outputs, perceptron, renamed
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.comparison.compare import compare_fingerprints
from fpcheck.comparison.divergence import by_activations
from fpcheck.comparison.finding import Finding
from fpcheck.comparison.output_findings import (
    METRIC,
    compare_outputs,
    matching_alternative,
)
from fpcheck.comparison.pairing import pair
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.fingerprint import outputs as measuring
from fpcheck.fingerprint.outputs import Noise, Outputs
from fpcheck.fingerprint.structure import Structure

NET = convnet()
LOGITS = np.random.default_rng(1).normal(size=(4, 10)).astype(np.float32)
RMS = float(np.sqrt(np.mean(LOGITS.astype(np.float64) ** 2)))


def answering(*logits: Array, final: Array | None = None) -> Outputs:
    answers = tuple(
        measuring.answer(f"y{n}", a, a if final is None else final, final is not None)
        for n, a in enumerate(logits)
    )
    return outputs(NET, answers=answers)


def moved(step: float, at: tuple[int, int] = (2, 3), of: Array = LOGITS) -> Array:
    other = of.astype(np.float64)
    other[at] += step
    return other.astype(np.float32)


def test_equal_outputs_have_no_findings() -> None:
    assert compare_outputs(answering(LOGITS), answering(LOGITS), 0.0) == []


@pytest.mark.parametrize("allowed", [1e-4, 1e-2, 0.5])
def test_only_differences_within_tolerance_pass(allowed: float) -> None:
    golden = answering(LOGITS)
    assert compare_outputs(golden, answering(moved(0.9 * allowed * RMS)), allowed) == []
    found = compare_outputs(golden, answering(moved(1.1 * allowed * RMS)), allowed)
    assert found == [
        Finding(
            "outputs",
            "output-changed",
            "y0",
            "logits",
            METRIC,
            actual=pytest.approx(1.1 * allowed, rel=1e-2),
            tolerance=allowed,
        )
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("allowed", [0.0, 1e30])
def test_non_finite_values_are_never_within_tolerance(bad: float, allowed: float) -> None:
    holed = moved(bad)
    whole, golden = answering(LOGITS), answering(holed)
    assert compare_outputs(whole, golden, allowed) == [
        Finding("outputs", "non-finite", "y0", None, "non_finite_values", 0, 1)
    ]
    assert [f.code for f in compare_outputs(golden, whole, allowed)] == ["output-changed"]
    assert [f.code for f in compare_outputs(golden, golden, allowed)] == ["non-finite"]


@pytest.mark.parametrize("values", [LOGITS[:3], LOGITS[:, :9], LOGITS[:, :1], LOGITS[..., None]])
def test_another_shape_is_reported_instead_of_values(values: Array) -> None:
    found = compare_outputs(answering(LOGITS), answering(values), 1e30)
    assert found == [
        Finding("outputs", "output-shape-changed", "y0", None, "shape", [4, 10], list(values.shape))
    ]


def test_a_change_after_the_logits_is_found() -> None:
    golden = answering(LOGITS, final=np.abs(LOGITS))
    assert compare_outputs(golden, golden, 1e-4) == []
    found = compare_outputs(golden, answering(LOGITS, final=np.abs(LOGITS) + 1), 1e-4)
    assert [(f.code, f.tensor, f.metric) for f in found] == [("output-changed", "final", METRIC)]
    holed = compare_outputs(golden, answering(LOGITS, final=LOGITS * np.nan), 1e-4)
    assert holed == [Finding("outputs", "non-finite", "y0", None, "non_finite_values", 0, 40)]


def test_every_output_is_compared() -> None:
    golden = answering(LOGITS, LOGITS, LOGITS)
    found = compare_outputs(golden, answering(moved(1.0), LOGITS, moved(2.0)), 1e-4)
    assert [(f.code, f.layer) for f in found] == [
        ("output-changed", "y0"),
        ("output-changed", "y2"),
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_outputs_is_reported(count: int) -> None:
    found = compare_outputs(answering(LOGITS, LOGITS), answering(*[LOGITS] * count), 1e30)
    names = [f"y{n}" for n in range(count)]
    assert found == [
        Finding("outputs", "output-missing", None, None, "outputs", ["y0", "y1"], names)
    ]


LARGE = np.random.default_rng(2).normal(size=(2, 40_000)).astype(np.float32)


@pytest.mark.parametrize("column", [1, 2, 39_998])
def test_values_of_a_large_output_that_are_not_stored_are_compared(column: int) -> None:
    other = LARGE.copy()
    other[1, column] += 50
    golden, candidate = answering(LARGE), answering(other)
    assert np.array_equal(golden.answers[0].logits, candidate.answers[0].logits)
    (found,) = compare_outputs(golden, candidate, 1e-2)
    assert (found.code, found.tensor, found.metric) == ("output-changed", "logits", "relative_l2")
    assert found.actual == pytest.approx(50 / np.linalg.norm(LARGE), rel=0.5)
    assert compare_outputs(golden, candidate, 2 * found.actual) == []
    assert compare_outputs(golden, answering(LARGE), 0.0) == []


def test_nan_in_a_large_output_where_values_are_not_stored_is_found() -> None:
    other = LARGE.copy()
    other[0, 1] = np.nan
    (found,) = compare_outputs(answering(LARGE), answering(other), 1e30)
    assert (found.code, np.isnan(found.actual)) == ("output-changed", True)


def diverging(structure: Structure, *paths: str) -> Outputs:
    """Outputs whose activations differ in these layers."""
    changed = tuple(activation(la.path, int(la.path in paths)) for la in structure.layers)
    return outputs(structure, activations=changed)


@pytest.mark.parametrize(
    ("paths", "first"),
    [
        ((), None),
        (("head",), "head"),
        (("conv2", "conv3", "norm2", "pool", "head"), "conv2"),
        (("relu1", "head"), "relu1"),
        (("image", "conv1"), "image"),
    ],
)
def test_the_first_divergent_layer_has_equal_inputs(
    paths: tuple[str, ...], first: str | None
) -> None:
    golden, candidate = diverging(NET), diverging(NET, *paths)
    assert by_activations(golden, candidate, NET, pair(NET, NET), 1e-4) == first


def test_the_first_divergent_layer_has_the_goldens_name() -> None:
    other = renamed(NET, {"conv2": "x"})
    candidate = diverging(other, "x", "conv3")
    assert by_activations(diverging(NET), candidate, NET, pair(NET, other), 1e-4) == "conv2"


def test_without_activations_the_first_layer_with_a_finding_counts() -> None:
    net = perceptron()
    golden = fingerprint(net)
    values = {f"{la.path}/{t.role}": np.ones(t.shape, np.float32) for la, t in net.tensors}
    found = compare_fingerprints(golden, fingerprint(net, values), Tolerances())
    assert found.first_divergent_layer == "first"
    assert compare_fingerprints(golden, golden, Tolerances()).first_divergent_layer is None


def test_recorded_noise_is_allowed_tenfold() -> None:
    golden = outputs(NET, LOGITS, noise=Noise(0.0, 1e-2, None))
    full = fingerprint(NET, outputs=golden)
    for step, count in ((0.09, 0), (0.11, 1)):
        other = replace(full, outputs=outputs(NET, moved(step * RMS)))
        assert len(compare_fingerprints(full, other, Tolerances()).errors) == count


@pytest.mark.parametrize(
    ("logits", "name"),
    [
        (LOGITS, None),
        (LOGITS * 2, "twice"),
        (LOGITS * 2 + 1e-6, "twice"),
        (-LOGITS, "caffe"),
        (LOGITS * 3, None),
        (LOGITS * np.nan, None),
        (LOGITS[:2], None),
    ],
)
def test_the_preprocessing_mistake_that_fits_the_outputs_is_named(
    logits: Array, name: str | None
) -> None:
    golden = replace(
        answering(LOGITS),
        alternatives={
            "tf": (LOGITS * 5,),
            "twice": (LOGITS * 2,),
            "caffe": (-LOGITS,),
            "bad": (LOGITS * np.nan,),
        },
    )
    assert matching_alternative(golden, answering(logits), 1e-4) == name


def test_the_nearest_of_several_mistakes_is_named() -> None:
    golden = replace(
        answering(LOGITS),
        alternatives={"a": (LOGITS * 2.01,), "b": (LOGITS * 2.001,), "c": (LOGITS * 2.02,)},
    )
    assert matching_alternative(golden, answering(LOGITS * 2), 0.1) == "b"
