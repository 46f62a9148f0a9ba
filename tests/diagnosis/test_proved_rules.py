"""Rules that prove by digest how a tensor changed."""

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from builders import convnet, edited, fingerprint, renamed, trained
from diagnosing import (
    NETS,
    NORMALISED,
    ON_ALL,
    ON_CONVNETS,
    Change,
    codes,
    compared,
    diagnose_values,
    exchanged,
    rounded,
)
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import ARCHITECTURE, Structure

MISTAKES: dict[str, tuple[str, Change, str]] = {
    "float16": ("cast-float16", rounded(np.float16), "rounded to float16"),
    "bfloat16": ("cast-bfloat16", rounded(ml_dtypes.bfloat16), "rounded to bfloat16"),
    "flipped": (
        "kernel-flipped",
        lambda v: v[::-1, ::-1],
        "rotated by 180 degrees (all spatial axes reversed)",
    ),
    "transposed": (
        "kernel-transposed",
        lambda v: v.swapaxes(-1, -2),
        "transposed (last two axes exchanged)",
    ),
    "space-transposed": (
        "kernel-transposed",
        lambda v: v.swapaxes(0, 1),
        "transposed (height and width exchanged)",
    ),
    "input-channels-reversed": (
        "input-channels-reversed",
        lambda v: v[:, :, ::-1],
        "with reversed input channels (RGB and BGR exchanged)",
    ),
}


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("float16", "conv2/kernel"),
        ("float16", "head/bias"),
        ("bfloat16", "conv2/kernel"),
        ("flipped", "conv1/kernel"),
        ("flipped", "conv2/kernel"),
        ("transposed", "conv2/kernel"),
        ("space-transposed", "conv3/kernel"),
        ("input-channels-reversed", "conv1/kernel"),
    ],
)
@ON_CONVNETS
def test_a_usual_mistake_with_a_tensor_is_proved(net: Structure, name: str, tensor: str) -> None:
    code, mistake, text = MISTAKES[name]
    first, *others = diagnose_values(net, {tensor: mistake(trained(net)[tensor])})
    assert (first.code, first.confidence, others) == (code, 1.0, [])
    assert first.layers == [tensor.partition("/")[0]]
    assert first.summary == f"The values of {tensor} are the golden's, {text}."
    assert first.evidence == [
        f"{tensor}: its digest equals the one that the golden stores for this mistake"
    ]


@pytest.mark.parametrize("tensor", ["first/kernel", "second/kernel"])
def test_a_transposed_dense_kernel_is_proved(tensor: str) -> None:
    net = NETS["perceptron"]
    assert codes(diagnose_values(net, {tensor: trained(net)[tensor].T})) == ["kernel-transposed"]


@ON_ALL
def test_a_completely_rounded_model_has_one_diagnosis(net: Structure) -> None:
    values = trained(net)
    (found,) = diagnose_values(net, {name: rounded(np.float16)(v) for name, v in values.items()})
    names = list(values)
    assert found.summary == (
        f"The values of {', '.join(names[:3])} and {len(names) - 3} more are the golden's, "
        "rounded to float16."
    )
    assert found.layers == [la.path for la in net.layers if la.tensors]


@pytest.mark.parametrize(
    ("net", "first", "second", "roles"),
    [
        (NETS["convnet"], "conv2", "conv3", ("kernel", "bias")),
        (NETS["wide"], "norm1", "norm2", ("gamma", "beta", "moving_mean", "moving_variance")),
        (NETS["perceptron"], "first", "second", ("kernel", "bias")),
        (NETS["perceptron"], "first", "second", ("kernel",)),
    ],
)
def test_layers_with_each_others_weights_are_layers_swapped(
    net: Structure, first: str, second: str, roles: tuple[str, ...]
) -> None:
    (found,) = diagnose_values(net, exchanged(trained(net), first, second, *roles))
    assert (found.code, found.layers, found.confidence) == ("layers-swapped", [first, second], 1.0)
    what = "weights" if len(roles) > 1 else roles[0]  # the biases are where they were
    assert found.summary == f"{first} and {second} have each other's {what}."
    assert found.evidence == [
        f"equal digests: {first} has the {what} of {second}",
        f"equal digests: {second} has the {what} of {first}",
    ]


def test_a_swap_without_an_architecture_is_not_proved() -> None:
    """Groups of the file are assigned by the golden's architecture, which may be wrong."""
    net, values = NETS["convnet"], trained(NETS["convnet"])
    file = replace(net, not_stored=(ARCHITECTURE,))
    other = {**values, **exchanged(values, "conv2", "conv3", "kernel", "bias")}
    (found,) = diagnose(compared(fingerprint(net, values), fingerprint(file, other)))
    assert (found.code, found.confidence) == ("layers-swapped", 0.95)
    assert found.evidence[0] == (
        "the file contains no architecture, so its groups were assigned to the golden's layers"
    )


def test_a_tensor_of_several_layers_does_not_prove_mixed_roles() -> None:
    net = NETS["convnet"]
    base = trained(net)
    base["norm2/gamma"] = base["norm1/gamma"]
    found = diagnose_values(net, {"norm1/beta": base["norm1/gamma"]}, base)
    assert "roles-mixed" not in codes(found)


def test_zeros_do_not_prove_rounding() -> None:
    """So small a bias is zero in float16; but it may as well never have been loaded."""
    net = NETS["perceptron"]
    base = trained(net) | {"first/bias": np.full(12, 1e-9, np.float32)}
    base["first/bias"][0] = 2e-9
    found = diagnose_values(net, {"first/bias": np.zeros(12, np.float32)}, base)
    assert "cast-float16" not in codes(found)
    every = {name: rounded(np.float16)(value) for name, value in base.items()}
    assert codes(diagnose_values(net, every, base)) == ["cast-float16"]


def test_weights_loaded_into_two_layers_are_layers_swapped() -> None:
    net, values = NETS["convnet"], trained(NETS["convnet"])
    (found,) = diagnose_values(
        net, {f"conv3/{r}": values[f"conv2/{r}"] for r in ("kernel", "bias")}
    )
    assert (found.code, found.layers) == ("layers-swapped", ["conv3"])
    assert found.summary == "conv3 has the weights of conv2."


def test_two_pairs_of_swapped_layers_are_one_diagnosis() -> None:
    net, values = NETS["wide"], trained(NETS["wide"])
    changes = exchanged(values, "conv2", "conv3", "kernel", "bias")
    changes |= exchanged(
        values, "norm1", "norm2", "gamma", "beta", "moving_mean", "moving_variance"
    )
    (found,) = diagnose_values(net, changes)
    assert found.summary == "norm1 and norm2 have each other's weights; 1 more pair likewise."


def test_weights_of_several_layers_name_none_of_them() -> None:
    net = convnet()
    base = trained(net)
    base |= {f"conv3/{r}": base[f"conv2/{r}"] for r in ("kernel", "bias")}
    (found,) = diagnose_values(net, {"conv1/bias": base["conv2/bias"]}, base)
    assert (found.code, found.layers, found.confidence) == ("other-checkpoint", ["conv1"], 0.5)


def test_constants_do_not_prove_a_swap() -> None:
    """One other layer has a bias of zeros, too: that does not make it the source."""
    net = NETS["perceptron"]
    base = trained(net) | {"second/bias": np.zeros(12, np.float32)}
    found = diagnose_values(net, {"first/bias": np.zeros(12, np.float32)}, base)
    assert "layers-swapped" not in codes(found)


@ON_CONVNETS
@pytest.mark.parametrize(
    ("now", "was"), [("moving_mean", "moving_variance"), ("gamma", "beta"), ("beta", "moving_mean")]
)
@pytest.mark.parametrize("path", ["norm1", "norm2"])
def test_exchanged_tensors_of_one_layer_are_roles_mixed(
    net: Structure, now: str, was: str, path: str
) -> None:
    values = trained(net)
    changes = {f"{path}/{now}": values[f"{path}/{was}"], f"{path}/{was}": values[f"{path}/{now}"]}
    (found,) = diagnose_values(net, changes)
    assert (found.code, found.layers, found.confidence) == ("roles-mixed", [path], 1.0)
    first, second = sorted((now, was), key=NORMALISED.index)
    texts = [
        f"{path}: {first} has the values of the golden's {second}",
        f"{path}: {second} has the values of the golden's {first}",
    ]
    assert found.summary == f"Tensors of one layer are exchanged: {texts[0]}, {texts[1]}."
    assert found.evidence == [f"equal digests: {line}" for line in texts]


@ON_CONVNETS
def test_an_exchange_with_a_fresh_beta_explains_both_tensors(net: Structure) -> None:
    base = trained(net)
    base["norm1/beta"] = np.zeros_like(base["norm1/beta"])
    changes = {"norm1/beta": base["norm1/moving_mean"], "norm1/moving_mean": base["norm1/beta"]}
    (found,) = diagnose_values(net, changes, base)
    assert found.summary == (
        "Tensors of one layer are exchanged: norm1: beta has the values of the golden's "
        "moving_mean."
    )


def relabelled(net: Structure, path: str) -> Structure:
    """A normalisation with its beta for a gamma: other settings, as many tensors."""
    item = net.by_path[path]
    tensors = tuple(
        replace(t, role={"gamma": "beta", "beta": "offset"}.get(t.role, t.role))
        for t in item.tensors
    )
    return edited(net, path, config={**(item.config or {}), "scale": False}, tensors=tensors)


@ON_CONVNETS
@pytest.mark.parametrize("path", ["norm1", "norm2"])
def test_equal_tensors_with_another_role_are_roles_mixed(net: Structure, path: str) -> None:
    other = relabelled(net, path)
    values = {
        f"{la.path}/{t.role}": v
        for (la, t), v in zip(other.tensors, trained(net).values(), strict=True)
    }
    found = diagnose(compared(fingerprint(net), fingerprint(other, values)))
    assert codes(found) == ["roles-mixed", "config-changed"]
    assert found[0].layers == [path]
    assert "roles-mixed" not in codes(diagnose(compared(Fingerprint(net), Fingerprint(other))))
    anew = fingerprint(other, trained(other, 5))
    assert "roles-mixed" not in codes(diagnose(compared(fingerprint(net), anew)))


@ON_CONVNETS
@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (lambda v: v[::-1], "kernel-flipped", "flipped along axis 0"),
        (lambda v: v[:, ::-1], "kernel-flipped", "flipped along axis 1"),
        (
            lambda v: v.swapaxes(0, 1)[::-1],
            "kernel-transposed",
            "transposed (axes 1, 0, 2, 3, axis 1 reversed)",
        ),
    ],
)
def test_rare_flips_and_transpositions_are_proved_by_undoing_them(
    net: Structure, change: Change, code: str, text: str
) -> None:
    for name in ("conv1/kernel", "conv2/kernel"):
        (found,) = diagnose_values(net, {name: np.ascontiguousarray(change(trained(net)[name]))})
        assert (found.code, found.confidence) == (code, 1.0)
        assert found.summary == f"The values of {name} are the golden's, {text}."
        assert found.evidence == [f"{name}: undoing this gives the golden's digest"]


@ON_CONVNETS
def test_counterfactual_digests_prove_mistakes_without_a_closer_look(net: Structure) -> None:
    values = trained(net)
    mistakes: list[tuple[Callable[[Array], Array], str]] = [
        (lambda v: v[::-1, ::-1], "kernel-flipped"),
        (lambda v: v[:, :, ::-1], "input-channels-reversed"),
        (lambda v: v[::-1], "other-checkpoint"),
    ]
    for change, code in mistakes:
        other = {**values, "conv1/kernel": change(values["conv1/kernel"])}
        found = diagnose(compared(fingerprint(net, values), fingerprint(net, other)))
        assert codes(found) == [code]


def test_names_with_a_colon_are_shown_completely() -> None:
    net = renamed(NETS["perceptron"], {"first": "first:0"})
    (found,) = diagnose_values(net, {"first:0/kernel": trained(net)["first:0/kernel"].T})
    assert found.evidence == [
        "first:0/kernel: its digest equals the one that the golden stores for this mistake"
    ]
