"""Rules on how the values of tensors differ."""

import numpy as np
import pytest
from builders import perceptron, trained
from diagnosing import ON_ALL, codes, diagnosed, kernels

from fpcheck.fingerprint.structure import Structure


@ON_ALL
def test_a_small_change_of_all_weights_is_called_training(net: Structure) -> None:
    noise = np.random.default_rng(3)
    values = trained(net)
    (found,) = diagnosed(net, {
        name: (v * (1 + 1e-3 * noise.normal(size=v.shape))).astype(np.float32)
        for name, v in values.items()
    })  # fmt: skip
    weighted = [la.path for la in net.layers if la.tensors]
    assert (found.code, found.layers, found.confidence) == ("fine-tuned", weighted, 0.85)
    assert found.summary == (
        "All layers were trained further, or otherwise changed a little everywhere."
    )


@ON_ALL
@pytest.mark.parametrize("share", [1.0, 0.5, 0.05])
def test_kernels_that_lost_values_to_zero_are_named(net: Structure, share: float) -> None:
    name = kernels(net)[1]
    values = trained(net)[name].copy()
    flat = values.reshape(-1)
    flat[: round(share * flat.size)] = 0
    (found,) = diagnosed(net, {name: values})
    percent = round(share * flat.size) / flat.size
    assert (found.code, found.layers) == ("zeroed", [name.partition("/")[0]])
    assert found.summary == f"Values are exactly 0 in {name} where the golden has none."
    assert found.evidence[0].startswith(f"{name}: {percent:.0%} newly zero")


@ON_ALL
def test_a_single_zero_is_called_a_changed_value(net: Structure) -> None:
    name = kernels(net)[1]
    values = trained(net)[name].copy()
    before = float(abs(values.reshape(-1)[0]))
    values.reshape(-1)[0] = 0
    (found,) = diagnosed(net, {name: values})
    place = ", ".join("0" for _ in values.shape)
    assert (found.code, found.confidence) == ("point-change", 0.97)
    assert found.evidence == [f"{name}: one value changed by {before:.4g} at [{place}]"]


@ON_ALL
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_named(net: Structure, bad: float) -> None:
    name = kernels(net)[1]
    values = trained(net)[name].copy()
    values.reshape(-1)[:3] = bad
    (found,) = diagnosed(net, {name: values})
    assert (found.code, found.layers) == ("non-finite", [name.partition("/")[0]])
    assert found.summary == f"NaN or infinite values in {name}."
    assert found.evidence == [f"{name}: 3 such values, the golden has none"]


@pytest.mark.parametrize("width", [12, 16, 20, 24, 32])
@pytest.mark.parametrize("seed", range(5))
def test_one_step_of_adam_is_no_change_of_a_few_values(width: int, seed: int) -> None:
    """It moves all values by one amount, up or down, which gives few magnitudes."""
    net = perceptron(width)
    up_or_down = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), width)
    for step in (up_or_down, np.ones(width, np.float32)):
        biased = trained(net)["first/bias"] + np.float32(1e-3) * step
        assert codes(diagnosed(net, {"first/bias": biased})) == ["fine-tuned"]


@pytest.mark.parametrize("changed", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
@ON_ALL
def test_a_few_changed_values_are_told_from_training(
    net: Structure, changed: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    for name in (kernels(net)[1], kernels(net)[-1]):
        values = trained(net)[name].copy()
        places = random.choice(values.size, changed, replace=False)
        values.reshape(-1)[places] += random.normal(size=changed).astype(np.float32)
        (found,) = diagnosed(net, {name: values})
        assert (found.code, found.confidence) == ("point-change", 0.97)
        assert found.summary == f"A few values of {name} changed, all others are the golden's."
        counted = "one value" if changed == 1 else f"about {changed} values"
        assert found.evidence[0].startswith(f"{name}: {counted} changed")
