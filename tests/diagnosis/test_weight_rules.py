"""Rules on how the values of tensors differ."""

import numpy as np
import pytest
from builders import Values, fingerprint, network, perceptron, trained
from diagnosing import ON_ALL, ON_CONVNETS, codes, diagnosed, fresh, kernels, moved, neighbour

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


def positive(net: Structure, seed: int) -> Values:
    """Weights whose vectors all are near one, as in normalisations they often are."""
    random = np.random.default_rng(seed)
    return {
        name: np.asarray(1 + 0.2 * random.normal(size=v.shape)).astype(np.float32)
        if v.ndim == 1
        else v
        for name, v in trained(net, seed).items()
    }


@ON_ALL
@pytest.mark.parametrize("seed", range(1, 6))
def test_another_checkpoint_is_told_from_training(net: Structure, seed: int) -> None:
    (found,) = diagnosed(net, positive(net, seed), positive(net, 0))
    weighted = [la.path for la in net.layers if la.tensors]
    assert (found.code, found.layers, found.confidence) == ("other-checkpoint", weighted, 0.8)
    assert found.summary == (
        "All layers hold values that have nothing to do with the golden's: another checkpoint."
    )
    assert found.evidence == [
        f"{len(weighted)} layers of {len(weighted)} have the golden's shapes",
        "their values are neither close to the golden's nor freshly initialised",
        "no golden in reach holds them",
    ]


@ON_CONVNETS
def test_vectors_that_moved_far_go_with_the_kernels_beside_them(net: Structure) -> None:
    base = positive(net, 0)
    changes = {n: moved(v, 1e-2) if v.ndim > 1 else moved(v, 0.5) for n, v in base.items()}
    assert codes(diagnosed(net, changes, base)) == ["fine-tuned"]


@ON_CONVNETS
@pytest.mark.parametrize("role", ["gamma", "moving_variance"])
def test_constant_vectors_are_no_training(net: Structure, role: str) -> None:
    name = f"norm1/{role}"
    (found,) = diagnosed(net, {name: np.full_like(trained(net)[name], 0.9)})
    assert (found.code, found.layers, found.confidence) == ("other-checkpoint", ["norm1"], 0.5)
    assert found.summary == (
        "norm1 holds values that have nothing to do with the golden's: another checkpoint."
    )
    assert found.evidence[0] == "1 layer of 6 has the golden's shapes"


@ON_ALL
def test_training_beside_infinite_values_of_the_golden_is_measured_on_the_others(
    net: Structure,
) -> None:
    base = trained(net)
    name = kernels(net)[1].replace("kernel", "bias")
    base[name][0] = np.inf
    finite = {n: np.where(np.isfinite(v), v, np.float32(0.3)) for n, v in base.items()}
    (found,) = diagnosed(net, {n: moved(v) for n, v in finite.items()}, base)
    assert found.code == "fine-tuned"
    assert "nan" not in " ".join(found.evidence)


@ON_ALL
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_were_no_numbers_already_are_counted(net: Structure, bad: float) -> None:
    name = kernels(net)[1]
    base = trained(net)
    base[name].reshape(-1)[:2] = bad
    more, same, fewer = base[name].copy(), base[name].copy(), base[name].copy()
    more.reshape(-1)[:5] = bad
    same.reshape(-1)[-1] += 1
    fewer.reshape(-1)[0] = 1
    (found,) = diagnosed(net, {name: more}, base)
    assert found.evidence == [f"{name}: 5 such values, the golden has 2"]
    for values in (same, fewer):
        assert "non-finite" not in codes(diagnosed(net, {name: values}, base))


@ON_ALL
def test_weights_of_another_golden_in_reach_name_it(net: Structure) -> None:
    goldens = [
        neighbour("near@1", fingerprint(net, trained(net, 3))),
        neighbour("far@2", fingerprint(net, trained(net, 5))),
    ]
    (found,) = diagnosed(net, trained(net, 5), neighbours=lambda: iter(goldens))
    count = len(trained(net))
    assert (found.code, found.confidence) == ("other-checkpoint", 1.0)
    assert found.summary == "These are the weights of the golden far@2."
    assert found.evidence == [f"{count} of {count} changed tensors have the digests of far@2"]
    assert found.advice == "Load the right file, or compare with that golden: --golden far@2"


@ON_CONVNETS
def test_zeros_and_ones_that_other_goldens_hold_too_are_no_proof(net: Structure) -> None:
    bare = network(
        net.layers[0], *(la for la in net.layers if la.class_name == "BatchNormalization")
    )
    untrained = fingerprint(bare, fresh(bare))
    changes = {n: v for n, v in fresh(bare).items() if "moving" in n}
    found = diagnosed(bare, changes, neighbours=lambda: iter([neighbour("untrained@1", untrained)]))
    assert codes(found) == ["batchnorm-statistics-reset"]
