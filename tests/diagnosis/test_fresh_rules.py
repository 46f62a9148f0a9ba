"""Layers whose initial values were never replaced."""

import numpy as np
import pytest
from builders import trained
from diagnosing import NETS, ON_ALL, ON_CONVNETS, codes, diagnosed, fresh, glorot, kernels, reset

from fpcheck.fingerprint.structure import Structure


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


@pytest.mark.parametrize(
    ("role", "code"), [("moving_mean", "zeroed"), ("moving_variance", "other-checkpoint")]
)
@ON_CONVNETS
def test_one_of_two_statistics_is_not_called_reset(net: Structure, role: str, code: str) -> None:
    name = f"norm1/{role}"
    assert codes(diagnosed(net, {name: reset(net, "norm1")[name]})) == [code]


@ON_CONVNETS
def test_statistics_beside_an_initial_one_of_the_golden_are_called_reset(net: Structure) -> None:
    initial = reset(net, "norm1")
    base = trained(net) | {"norm1/moving_variance": initial["norm1/moving_variance"]}
    (found,) = diagnosed(net, {"norm1/moving_mean": initial["norm1/moving_mean"]}, base)
    assert (found.code, found.confidence) == ("batchnorm-statistics-reset", 0.99)


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
