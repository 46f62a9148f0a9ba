"""Rules on how the values of tensors differ."""

import numpy as np
import pytest
from builders import edited, fingerprint, perceptron, trained
from diagnosing import ON_ALL, codes, compared, diagnose_values, kernels, moved
from msgspec.structs import replace

from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint.structure import Structure, Tensor


@ON_ALL
def test_a_small_change_of_all_weights_is_fine_tuned(net: Structure) -> None:
    noise = np.random.default_rng(3)
    values = trained(net)
    (found,) = diagnose_values(
        net,
        {
            name: (v * (1 + 1e-3 * noise.normal(size=v.shape))).astype(np.float32)
            for name, v in values.items()
        },
    )
    weighted = [la.path for la in net.layers if la.tensors]
    assert (found.code, found.layers, found.confidence) == ("fine-tuned", weighted, 0.85)
    assert found.summary == (
        "The weights of all layers are close to the golden's: trained further, or changed a little "
        "everywhere."
    )


@ON_ALL
@pytest.mark.parametrize("share", [1.0, 0.5, 0.05])
def test_kernels_with_new_zeros_are_zeroed(net: Structure, share: float) -> None:
    name = kernels(net)[1]
    values = trained(net)[name].copy()
    flat = values.reshape(-1)
    flat[: round(share * flat.size)] = 0
    (found,) = diagnose_values(net, {name: values})
    percent = round(share * flat.size) / flat.size
    assert (found.code, found.layers) == ("zeroed", [name.partition("/")[0]])
    assert found.summary == f"Values of {name} are exactly 0 where the golden's are not."
    assert found.evidence[0].startswith(f"{name}: {percent:.0%} of the values became 0")


@ON_ALL
def test_a_single_new_zero_is_a_point_change(net: Structure) -> None:
    name = kernels(net)[1]
    values = trained(net)[name].copy()
    before = float(abs(values.reshape(-1)[0]))
    values.reshape(-1)[0] = 0
    (found,) = diagnose_values(net, {name: values})
    place = ", ".join("0" for _ in values.shape)
    assert (found.code, found.confidence) == ("point-change", 0.97)
    assert found.evidence == [f"{name}: one value changed by {before:.4g} at [{place}]"]


@ON_ALL
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinite_weights_are_non_finite(net: Structure, bad: float) -> None:
    name = kernels(net)[1]
    values = trained(net)[name].copy()
    values.reshape(-1)[:3] = bad
    (found,) = diagnose_values(net, {name: values})
    assert (found.code, found.layers) == ("non-finite", [name.partition("/")[0]])
    assert found.summary == f"NaN or infinite values in {name}."
    assert found.evidence == [f"{name}: 3 such values (golden: 0)"]


@pytest.mark.parametrize("width", [12, 16, 20, 24, 32])
@pytest.mark.parametrize("seed", range(5))
def test_one_step_of_adam_is_not_called_a_point_change(width: int, seed: int) -> None:
    """It moves all values by one amount, up or down, which gives few magnitudes."""
    net = perceptron(width)
    up_or_down = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), width)
    for step in (up_or_down, np.ones(width, np.float32)):
        biased = trained(net)["first/bias"] + np.float32(1e-3) * step
        assert codes(diagnose_values(net, {"first/bias": biased})) == ["fine-tuned"]


@pytest.mark.parametrize("changed", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
@ON_ALL
def test_a_few_changed_values_are_a_point_change(net: Structure, changed: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for name in (kernels(net)[1], kernels(net)[-1]):
        values = trained(net)[name].copy()
        places = random.choice(values.size, changed, replace=False)
        values.reshape(-1)[places] += random.normal(size=changed).astype(np.float32)
        (found,) = diagnose_values(net, {name: values})
        assert (found.code, found.confidence) == ("point-change", 0.97)
        assert found.summary == f"A few values of {name} changed; all others equal the golden's."
        counted = "one value" if changed == 1 else f"about {changed} values"
        assert found.evidence[0].startswith(f"{name}: {counted} changed")


@ON_ALL
def test_infinite_values_of_the_golden_are_left_out_of_distances(
    net: Structure,
) -> None:
    base = trained(net)
    name = kernels(net)[1].replace("kernel", "bias")
    base[name][0] = np.inf
    finite = {n: np.where(np.isfinite(v), v, np.float32(0.3)) for n, v in base.items()}
    (found,) = diagnose_values(net, {n: moved(v) for n, v in finite.items()}, base)
    assert found.code == "fine-tuned"
    assert "nan" not in " ".join(found.evidence)


@ON_ALL
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_values_of_the_golden_are_counted(net: Structure, bad: float) -> None:
    name = kernels(net)[1]
    base = trained(net)
    base[name].reshape(-1)[:2] = bad
    more, same, fewer = base[name].copy(), base[name].copy(), base[name].copy()
    more.reshape(-1)[:5] = bad
    same.reshape(-1)[-1] += 1
    fewer.reshape(-1)[0] = 1
    (found,) = diagnose_values(net, {name: more}, base)
    assert found.evidence == [f"{name}: 5 such values (golden: 2)"]
    for values in (same, fewer):
        assert "non-finite" not in codes(diagnose_values(net, {name: values}, base))


@ON_ALL
@pytest.mark.parametrize("factor", [0.5, 1 / 255, -1.0, 1.01, 40.0])
def test_a_tensor_times_a_factor_is_rescaled(net: Structure, factor: float) -> None:
    for name in (kernels(net)[0], kernels(net)[-1].replace("kernel", "bias")):
        (found,) = diagnose_values(net, {name: trained(net)[name] * np.float32(factor)})
        assert (found.code, found.layers) == ("rescaled", [name.rpartition("/")[0]])
        assert found.confidence == 0.98
        assert found.summary == f"The values of {name} are the golden's multiplied by a factor."
        assert found.evidence[0].startswith(f"{name}: {factor:.6g} times the golden, within ")


@ON_ALL
def test_one_factor_per_channel_is_rescaled(net: Structure) -> None:
    first, second = kernels(net)[1:3]
    values = trained(net)
    factors = {
        n: np.linspace(0.5, 2, values[n].shape[-1], dtype=np.float32) for n in (first, second)
    }
    (found,) = diagnose_values(net, {n: values[n] * f for n, f in factors.items()})
    assert (found.code, found.confidence) == ("rescaled", 0.98)
    assert found.summary == (
        f"The values of {first}, {second} are the golden's multiplied by a factor."
    )
    axis = values[first].ndim - 1
    assert found.evidence[0].startswith(
        f"{first}: one factor for each slice along axis {axis}, median 1.25; without the factors, "
        "the relative difference is "
    )


@ON_ALL
@pytest.mark.parametrize("noise", [3e-4, 1e-3, 1e-2])
def test_a_factor_with_noise_is_not_called_rescaled(net: Structure, noise: float) -> None:
    name = kernels(net)[1]
    for factor in (1.0, 1 + noise, 2.0):
        changed = moved(trained(net)[name] * np.float32(factor), noise)
        assert codes(diagnose_values(net, {name: changed})) == ["fine-tuned"]


@ON_ALL
@pytest.mark.parametrize(("most", "each"), [(127, False), (127, True), (7, True)])
def test_kernels_on_a_grid_are_quantized(net: Structure, most: int, each: bool) -> None:
    name = kernels(net)[1]
    values = trained(net)[name]
    axes = tuple(range(values.ndim - 1)) if each else None
    step = np.abs(values).max(axis=axes, keepdims=True) / most
    (found,) = diagnose_values(net, {name: (np.rint(values / step) * step).astype(np.float32)})
    assert (found.code, found.layers) == ("quantized", [name.partition("/")[0]])
    assert found.confidence == 0.98
    assert found.summary == f"The values of {name} were rounded to a few steps."
    where = f" for each slice along axis {values.ndim - 1}" if each else ""
    assert found.evidence[0].startswith(
        f"{name}: its values are on a grid of at most {2 * most} steps{where}; the "
        "distance to the golden, "
    )


def quantised(net: Structure, *paths: str) -> Structure:
    """Layers that keep their kernels as small integers, beside a scale."""
    for path in paths:
        kernel, bias = net.by_path[path].tensors
        scale = Tensor("kernel_scale", 2, bias.shape, "float32", False)
        tensors = (replace(kernel, dtype="int8"), bias, scale)
        net = edited(net, path, dtype="int8_from_float32", tensors=tensors)
    return net


@ON_ALL
@pytest.mark.parametrize("many", [False, True])
def test_layers_of_a_quantised_type_are_the_only_diagnosis(net: Structure, many: bool) -> None:
    paths = [name.partition("/")[0] for name in kernels(net)][: 2 if many else 1]
    other = quantised(net, *paths)
    values = trained(other) | trained(net)
    for path in paths:
        values[f"{path}/kernel"] = np.rint(values[f"{path}/kernel"] * 60).astype(np.int8)
    (found,) = diagnose(compared(fingerprint(net), fingerprint(other, values)))
    assert (found.code, found.layers, found.confidence) == ("quantized", paths, 1.0)
    assert found.summary == (f"The weights of {', '.join(paths)} are quantised: int8_from_float32.")


@ON_ALL
def test_missing_tensors_are_tensors_missing(net: Structure) -> None:
    path = kernels(net)[1].partition("/")[0]
    kernel, _ = net.by_path[path].tensors
    other = edited(net, path, tensors=(kernel,))
    (found,) = diagnose(compared(fingerprint(net), fingerprint(other, trained(net))))
    assert (found.code, found.layers, found.confidence) == ("tensors-missing", [path], 1.0)
    assert found.summary == f"The model lacks 1 tensor of the golden: {path}/bias."
    assert found.evidence == [f"{path}/bias: missing"]
    config = {**(other.by_path[path].config or {}), "use_bias": False}
    unbiased = edited(other, path, config=config)
    found, second = diagnose(compared(fingerprint(net), fingerprint(unbiased, trained(net))))
    assert (found.code, second.code, second.confidence) == (
        "config-changed",
        "tensors-missing",
        0.9,
    )
