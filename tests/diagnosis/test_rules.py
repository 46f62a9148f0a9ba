"""Each rule on fingerprints made by hand: what it says, and that it says nothing else."""

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from builders import (
    Values,
    convnet,
    dense,
    edited,
    fingerprint,
    layer,
    network,
    outputs,
    perceptron,
    renamed,
    rewired,
    trained,
)  # fmt: skip
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.comparison.compare import Comparison, compare_fingerprints
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.diagnosis import RULES, diagnose
from fpcheck.diagnosis.case import Case
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.value import Fingerprint
from fpcheck.model.preprocess import MODES
from fpcheck.report.value import Diagnosis

NETS = {"convnet": convnet(), "wide": convnet(16, 5), "perceptron": perceptron(12)}
CONVNETS = {name: NETS[name] for name in ("convnet", "wide")}
ON_ALL = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
ON_CONVNETS = pytest.mark.parametrize("net", CONVNETS.values(), ids=CONVNETS)
Change = Callable[[Array], Array]


def compared(golden: Fingerprint, candidate: Fingerprint) -> Comparison:
    return compare_fingerprints(golden, candidate, Tolerances())


def diagnosed(net: Structure, changes: Values, base: Values | None = None) -> list[Diagnosis]:
    """What is said of a model where some tensors hold other values."""
    values = trained(net) if base is None else base
    return diagnose(compared(fingerprint(net, values), fingerprint(net, {**values, **changes})))


def codes(found: list[Diagnosis]) -> list[str]:
    return [diagnosis.code for diagnosis in found]


def kernels(net: Structure) -> list[str]:
    return [f"{la.path}/{t.role}" for la, t in net.tensors if t.role == "kernel"]


@ON_ALL
def test_no_rule_fires_on_a_matching_comparison(net: Structure) -> None:
    full = fingerprint(net, outputs=outputs(net))
    named = renamed(net, {la.path: f"x{n}" for n, la in enumerate(net.layers)})
    for candidate in (full, replace(full, structure=named), replace(full, outputs=None)):
        comparison = compared(full, candidate)
        assert comparison.errors == []
        assert diagnose(comparison) == []
        assert [found for rule in RULES for found in rule(Case(comparison))] == []


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


def rounded(through: type) -> Change:
    return lambda values: values.astype(through).astype(np.float32)


SAYS: dict[str, tuple[str, Change, str]] = {
    "float16": ("cast-float16", rounded(np.float16), "rounded to float16"),
    "bfloat16": ("cast-bfloat16", rounded(ml_dtypes.bfloat16), "rounded to bfloat16"),
    "flipped": ("kernel-flipped", lambda v: v[::-1, ::-1],
                "turned by 180 degrees (all space axes reversed)"),
    "transposed": ("kernel-transposed", lambda v: v.swapaxes(-1, -2),
                   "transposed (its last two axes exchanged)"),
    "space-transposed": ("kernel-transposed", lambda v: v.swapaxes(0, 1),
                         "transposed (height and width exchanged)"),
    "input-channels-reversed": ("input-channels-reversed", lambda v: v[:, :, ::-1],
                                "with its input channels reversed (RGB and BGR exchanged)"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("float16", "conv2/kernel"), ("float16", "head/bias"), ("bfloat16", "conv2/kernel"),
        ("flipped", "conv1/kernel"), ("flipped", "conv2/kernel"), ("transposed", "conv2/kernel"),
        ("space-transposed", "conv3/kernel"), ("input-channels-reversed", "conv1/kernel"),
    ],
)  # fmt: skip
@ON_CONVNETS
def test_a_tensor_after_a_usual_mistake_is_proved(net: Structure, name: str, tensor: str) -> None:
    code, mistake, says = SAYS[name]
    first, *others = diagnosed(net, {tensor: mistake(trained(net)[tensor])})
    assert (first.code, first.confidence, others) == (code, 1.0, [])
    assert first.layers == [tensor.partition("/")[0]]
    assert first.summary == f"{tensor} is the golden one {says}."
    assert first.evidence == [f"{tensor}: its digest is the one that the golden foretold"]


@pytest.mark.parametrize("tensor", ["first/kernel", "second/kernel"])
def test_a_transposed_dense_kernel_is_proved(tensor: str) -> None:
    net = NETS["perceptron"]
    assert codes(diagnosed(net, {tensor: trained(net)[tensor].T})) == ["kernel-transposed"]


@ON_ALL
def test_a_model_rounded_throughout_is_one_diagnosis(net: Structure) -> None:
    values = trained(net)
    (found,) = diagnosed(net, {name: rounded(np.float16)(v) for name, v in values.items()})
    names = list(values)
    assert found.summary == (
        f"{', '.join(names[:3])} and {len(names) - 3} more are the golden ones rounded to float16."
    )
    assert found.layers == [la.path for la in net.layers if la.tensors]


def exchanged(values: Values, first: str, second: str, *roles: str) -> Values:
    pairs = ((first, second), (second, first))
    return {f"{a}/{role}": values[f"{b}/{role}"] for a, b in pairs for role in roles}


@pytest.mark.parametrize(
    ("net", "first", "second", "roles"),
    [
        (NETS["convnet"], "conv2", "conv3", ("kernel", "bias")),
        (NETS["wide"], "norm1", "norm2", ("gamma", "beta", "moving_mean", "moving_variance")),
        (NETS["perceptron"], "first", "second", ("kernel", "bias")),
        (NETS["perceptron"], "first", "second", ("kernel",)),
    ],
)
def test_layers_that_hold_each_others_weights_are_named(
    net: Structure, first: str, second: str, roles: tuple[str, ...]
) -> None:
    (found,) = diagnosed(net, exchanged(trained(net), first, second, *roles))
    assert (found.code, found.layers, found.confidence) == ("layers-swapped", [first, second], 1.0)
    assert found.summary == f"{first} and {second} hold each other's weights."
    assert found.evidence == [
        f"equal digests: {first} holds the weights of {second}",
        f"equal digests: {second} holds the weights of {first}",
    ]


def test_a_layer_loaded_twice_is_named() -> None:
    net, values = NETS["convnet"], trained(NETS["convnet"])
    (found,) = diagnosed(net, {f"conv3/{r}": values[f"conv2/{r}"] for r in ("kernel", "bias")})
    assert (found.code, found.layers) == ("layers-swapped", ["conv3"])
    assert found.summary == "conv3 holds the weights of conv2."


def test_two_pairs_of_swapped_layers_are_one_diagnosis() -> None:
    net, values = NETS["wide"], trained(NETS["wide"])
    changes = exchanged(values, "conv2", "conv3", "kernel", "bias")
    changes |= exchanged(
        values, "norm1", "norm2", "gamma", "beta", "moving_mean", "moving_variance"
    )
    (found,) = diagnosed(net, changes)
    assert found.summary == "norm1 and norm2 hold each other's weights; so do 1 more pairs."


def test_weights_that_several_layers_hold_name_none_of_them() -> None:
    net = convnet()
    base = trained(net)
    base |= {f"conv3/{r}": base[f"conv2/{r}"] for r in ("kernel", "bias")}
    (found,) = diagnosed(net, {"conv1/bias": base["conv2/bias"]}, base)
    assert (found.code, found.layers, found.confidence) == ("other-checkpoint", ["conv1"], 0.5)


@ON_ALL
def test_what_is_allowed_is_not_diagnosed(net: Structure) -> None:
    values = trained(net)
    near = fingerprint(net, {name: rounded(np.float16)(v) for name, v in values.items()})
    assert diagnose(compare_fingerprints(fingerprint(net), near, Tolerances("float16"))) == []


def test_constants_are_no_proof_of_a_swap() -> None:
    """One other layer has a bias of zeros, too: that does not make it the source."""
    net = NETS["perceptron"]
    base = trained(net) | {"second/bias": np.zeros(12, np.float32)}
    found = diagnosed(net, {"first/bias": np.zeros(12, np.float32)}, base)
    assert "layers-swapped" not in codes(found)


STATISTICS = {"moving_mean": np.zeros, "moving_variance": np.ones}


def reset(net: Structure, *paths: str) -> Values:
    width = net.layers[2].tensors[0].shape
    return {f"{p}/{r}": make(width, np.float32) for p in paths for r, make in STATISTICS.items()}


@pytest.mark.parametrize("paths", [("norm1",), ("norm2",), ("norm1", "norm2")], ids=str)
@ON_CONVNETS
def test_statistics_at_their_initial_values_are_named(
    net: Structure, paths: tuple[str, ...]
) -> None:
    (found,) = diagnosed(net, reset(net, *paths))
    assert (found.code, found.layers) == ("batchnorm-statistics-reset", list(paths))
    assert found.summary == (
        f"The moving mean is 0 and the moving variance is 1 in {', '.join(paths)}: "
        "the statistics were not loaded."
    )
    counted = "1 layer" if len(paths) == 1 else "2 layers"
    assert found.evidence == [
        f"{counted}: moving statistics are the initial ones",
        f"{2 * len(paths)} other tensors of these layers equal the golden",
    ]


@ON_CONVNETS
def test_statistics_that_merely_differ_are_not_called_reset(net: Structure) -> None:
    almost = {name: values.copy() for name, values in reset(net, "norm1").items()}
    almost["norm1/moving_mean"][0] = 1e-3
    assert "batchnorm-statistics-reset" not in codes(diagnosed(net, almost))


def glorot(net: Structure, path: str, seed: int = 5) -> Values:
    """What Keras gives a fresh convolution or dense layer."""
    item = next(la for la in net.layers if la.path == path)
    kernel, bias = item.tensors
    field = np.prod(kernel.shape[:-2])
    limit = np.sqrt(6 / ((kernel.shape[-2] + kernel.shape[-1]) * field))
    drawn = np.random.default_rng(seed).uniform(-limit, limit, kernel.shape).astype(np.float32)
    return {f"{path}/kernel": drawn, f"{path}/bias": np.zeros(bias.shape, np.float32)}


def fresh(net: Structure) -> Values:
    """All initial values of a model."""
    found: Values = {}
    for item in net.layers:
        if item.class_name == "BatchNormalization":
            ones = ("gamma", "moving_variance")
            found |= {f"{item.path}/{t.role}": (np.ones if t.role in ones else np.zeros)(
                t.shape, np.float32) for t in item.tensors}  # fmt: skip
        elif item.tensors:
            found |= glorot(net, item.path, len(found))
    return found


@ON_ALL
def test_a_model_that_was_never_loaded_is_named(net: Structure) -> None:
    first = diagnosed(net, fresh(net))[0]
    weighted = [la.path for la in net.layers if la.tensors]
    assert (first.code, first.layers, first.confidence) == ("not-loaded", weighted, 0.97)
    assert first.summary == "No layer was loaded: fresh initial values."
    assert first.evidence[0] == f"{len(weighted)} layers of {len(weighted)} with weights"


@ON_CONVNETS
@pytest.mark.parametrize("path", ["conv1", "conv2", "head"])
def test_a_layer_that_was_never_loaded_is_named(net: Structure, path: str) -> None:
    (found,) = diagnosed(net, glorot(net, path))
    assert (found.code, found.layers) == ("not-loaded", [path])
    assert found.summary == f"{path} was never loaded: fresh initial values."
    assert found.evidence[0] == "1 layer of 6 with weights"
    assert found.evidence[1].startswith(f"{path}/kernel: GlorotUniform: std 0.")
    assert found.evidence[2] == f"{path}/bias: all 0"


@pytest.mark.parametrize("seed", range(40))
def test_fresh_values_are_told_whatever_the_seed(seed: int) -> None:
    net = NETS["convnet"]
    assert codes(diagnosed(net, glorot(net, "conv2", seed))) == ["not-loaded"]


@pytest.mark.parametrize("scale", [0.5, 0.7, 1.4, 2.0])
@ON_ALL
def test_values_of_another_scale_are_not_called_fresh(net: Structure, scale: float) -> None:
    path = kernels(net)[1].partition("/")[0]
    changes = {name: v * np.float32(scale) for name, v in glorot(net, path).items()}
    assert "not-loaded" not in codes(diagnosed(net, changes))


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


LOGITS = np.random.default_rng(9).normal(size=(4, 10)).astype(np.float32)
FORETOLD = {
    "none": "left out: raw pixels, 0 to 255, are fed",
    "unit": "pixels are divided by 255 only",
    "caffe": "mode 'caffe' is used (BGR, means subtracted)",
    "tf": "mode 'tf' is used (-1 to 1)",
    "torch": "mode 'torch' is used (0 to 1, then normalised)",
    "channels-reversed": "the colour channels are reversed before it",
    "channels-reversed-after": "the colour channels are reversed after it",
    "twice": "it is applied twice",
}


def answering(net: Structure, logits: Array, preprocess: str = "mine:prepare") -> Fingerprint:
    alternatives = {name: (LOGITS * (n + 2),) for n, name in enumerate(FORETOLD)}
    return fingerprint(
        net, outputs=outputs(net, logits, preprocess=preprocess, alternatives=alternatives)
    )


@ON_ALL
@pytest.mark.parametrize("place", range(len(FORETOLD)), ids=FORETOLD)
def test_outputs_that_a_mistake_in_preprocessing_gives_name_it(net: Structure, place: int) -> None:
    name = list(FORETOLD)[place]
    candidate = answering(net, LOGITS * (place + 2))
    (found,) = diagnose(compared(answering(net, LOGITS), candidate))
    assert (found.code, found.layers, found.confidence) == ("preprocessing-changed", [], 0.99)
    assert found.summary == (
        f"Preprocessing differs: {FORETOLD[name]}; the golden was recorded with 'mine:prepare'."
    )
    assert found.advice == "Prepare inputs as the golden does: --preprocess mine:prepare."


def test_every_mode_has_words() -> None:
    assert set(MODES) <= set(FORETOLD)


@ON_ALL
def test_another_preprocessing_is_named_where_no_mistake_fits(net: Structure) -> None:
    golden = answering(net, LOGITS, "caffe")
    (found,) = diagnose(compared(golden, answering(net, -LOGITS, "torch")))
    assert (found.code, found.confidence) == ("preprocessing-changed", 0.9)
    assert found.summary == "Preprocessing differs: 'torch', the golden was recorded with 'caffe'."
    assert diagnose(compared(golden, answering(net, -LOGITS, "caffe"))) == []


@ON_ALL
def test_changed_weights_are_not_blamed_on_preprocessing(net: Structure) -> None:
    name = kernels(net)[0]
    values = {**trained(net), name: trained(net)[name] * 2}
    other = fingerprint(net, values, outputs=answering(net, LOGITS * 2, "torch").outputs)
    assert codes(diagnose(compared(answering(net, LOGITS, "caffe"), other))) == ["rescaled"]


def test_diagnoses_stand_most_certain_first_then_widest() -> None:
    net, values = NETS["convnet"], trained(NETS["convnet"])
    holed = values["head/kernel"].copy()
    holed[:4] = 0
    changes = reset(net, "norm1", "norm2") | {"head/kernel": holed}
    changes["conv1/kernel"] = values["conv1/kernel"][::-1, ::-1]
    changes |= {n: rounded(np.float16)(values[n]) for n in ("conv2/kernel", "conv3/kernel")}
    found = diagnosed(net, changes)
    assert [(d.code, d.confidence) for d in found] == [
        ("cast-float16", 1.0), ("kernel-flipped", 1.0), ("batchnorm-statistics-reset", 0.99),
        ("zeroed", 0.96),
    ]  # fmt: skip


@ON_ALL
def test_structures_alone_can_be_diagnosed(net: Structure) -> None:
    path = net.layers[1].path
    other = edited(net, path, config={**(net.layers[1].config or {}), "activation": "relu"})
    assert codes(diagnose(compared(Fingerprint(net), Fingerprint(other)))) == ["config-changed"]
