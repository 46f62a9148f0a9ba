"""Rules that need a closer look at a live model: variation, other code, other functions."""

import numpy as np
import pytest
from builders import dense, edited, fingerprint, outputs
from diagnosing import LOGITS, ON_ALL, codes, compared, diagnose_outputs
from msgspec.structs import replace

from fpcheck.comparison.compare import CloserLook
from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint.outputs import Noise
from fpcheck.fingerprint.structure import INNER_LAYERS, Structure

STEADY = Noise(0.0, 0.0, 0.0, 0.0)
RANDOM = ("Dropout", "GaussianNoise")


@ON_ALL
@pytest.mark.parametrize("kind", RANDOM)
@pytest.mark.parametrize(
    ("noise", "text"),
    [
        (Noise(0.4, 0.4, None, 0.4, "{}"), "two runs of the same probe differ by 0.4"),
        (Noise(0.0, 0.3, None, 0.0, "{}"), "single probes and a batch differ by 0.3"),
        (Noise(0.0, 0.0, None, 1.5, "{}"), "predict() and a direct call differ by 1.5"),
        (Noise(float("nan"), 0.0, None, 0.0, "{}"), "two runs of the same probe differ by nan"),
    ],
)
def test_random_layers_with_varying_outputs_are_training_mode_on(
    net: Structure, kind: str, noise: Noise, text: str
) -> None:
    path = net.layers[1].path
    random = edited(net, path, class_name=kind)
    found = diagnose_outputs(random, LOGITS * 2, noise=replace(noise, where=path))[0]
    assert (found.code, found.layers, found.confidence) == ("training-mode-on", [path], 0.95)
    variation = f"{text} of their RMS (golden: 0)"
    assert found.summary == f"Training behaviour is active in {path}: {variation}."
    assert found.evidence == [variation, "structure and weights equal the golden"]


@ON_ALL
@pytest.mark.parametrize("place", [1, 2])
def test_varying_outputs_without_random_layers_are_nondeterministic(
    net: Structure, place: int
) -> None:
    path = net.layers[place].path
    still = edited(net, path, class_name="Custom")
    found = diagnose_outputs(still, LOGITS * 2, noise=replace(STEADY, repeat=0.3, where=path))
    assert codes(found) == ["nondeterministic"]
    text = "two runs of the same probe differ by 0.3 of their RMS (golden: 0)"
    assert found[0].layers == [path]
    assert found[0].summary == (
        f"Outputs vary between equal runs: {text}. The first layer that varies is {path}."
    )


@ON_ALL
@pytest.mark.parametrize("noise", [STEADY, Noise(5e-5, 0.05, 0.05, 0.05, "conv1"), None])
def test_rounding_is_not_called_variation(net: Structure, noise: Noise | None) -> None:
    assert diagnose_outputs(net, LOGITS * 3, noise=noise) == []


@ON_ALL
def test_a_graph_with_training_true_is_training_mode_on(net: Structure) -> None:
    path = net.layers[1].path
    (call,) = net.layers[1].calls or ()
    arguments = {"args": ["$0"], "kwargs": {"training": True}}
    other = edited(net, path, calls=(replace(call, arguments=arguments),))
    (found,) = diagnose(compared(fingerprint(net), fingerprint(other)))
    assert (found.code, found.layers, found.confidence) == ("training-mode-on", [path], 1.0)
    assert found.summary == f"The graph calls {path} with training=True; the golden does not."
    assert found.evidence == [f"{path}: called with training=True"]


GRID = np.linspace(-4, 4, 33)


@ON_ALL
@pytest.mark.parametrize("by", [0.02, 0.5])
def test_a_function_with_other_values_is_builtin_redefined(net: Structure, by: float) -> None:
    path = net.layers[1].path
    config = {**(net.layers[1].config or {}), "recurrent": {"activation": "hard_sigmoid"}}
    using = edited(net, path, config=config)
    old, new = np.clip(0.2 * GRID + 0.5, 0, 1), np.clip(GRID / 6 + 0.5, 0, 1)
    was = fingerprint(using, outputs=outputs(net, LOGITS, functions={"hard_sigmoid": old}))
    now = replace(
        was, outputs=outputs(net, LOGITS * np.float32(1 + by), functions={"hard_sigmoid": new})
    )
    (found,) = diagnose(compared(was, now))
    assert (found.code, found.layers, found.confidence) == ("builtin-redefined", [path], 0.98)
    assert found.summary.startswith(f"{path}: 'hard_sigmoid' now gives other values: up to 0.")
    same = replace(was, outputs=outputs(net, LOGITS * 2, functions={"hard_sigmoid": old}))
    assert diagnose(compared(was, same)) == []


@ON_ALL
@pytest.mark.parametrize("was_custom", [True, False])
def test_custom_code_on_one_side_is_builtin_redefined(net: Structure, was_custom: bool) -> None:
    path, kind = net.layers[1].path, net.layers[1].class_name
    old, new = edited(net, path, custom=was_custom), edited(net, path, custom=not was_custom)
    (found,) = diagnose_outputs(old, LOGITS * 2, live=new)
    sides = ["the golden", "this model"]
    custom, keras = sides if was_custom else sides[::-1]
    assert (found.code, found.layers) == ("builtin-redefined", [path])
    assert found.summary == (f"{path}: {custom} uses custom code, {keras} uses Keras's {kind}.")


@ON_ALL
def test_layers_inside_a_custom_layer_are_not_called_custom_code(net: Structure) -> None:
    """A file tells nothing of them; then they are bared on both sides."""
    path = net.layers[1].path
    inner = replace(dense("x", "", 4, 4), path=f"{path}/dense", calls=None)
    nested = edited(net, path, custom=True)
    nested = replace(nested, layers=(*nested.layers[:2], inner, *nested.layers[2:]))
    was = fingerprint(nested, outputs=outputs(net, LOGITS))
    now = fingerprint(replace(nested, not_stored=(INNER_LAYERS,)), outputs=outputs(net, LOGITS * 2))
    comparison = replace(compared(was, now), closer_look=CloserLook(structure=nested))
    assert diagnose(comparison) == []


@ON_ALL
@pytest.mark.parametrize("by", [0.02, 0.5])
def test_other_code_is_custom_code_changed(net: Structure, by: float) -> None:
    path, kind = net.layers[1].path, net.layers[1].class_name
    old = edited(net, path, custom=True, code="b3:1")
    (found,) = diagnose_outputs(
        old, LOGITS * np.float32(1 + by), live=edited(old, path, code="b3:2")
    )
    assert (found.code, found.layers, found.confidence) == ("custom-code-changed", [path], 0.95)
    assert found.summary == f"The code of {kind} differs from the golden's."
    assert found.evidence == [
        "weights and configuration are equal",
        f"{path}: the digest of its source differs",
    ]
    for code in ("b3:1", ""):
        assert diagnose_outputs(old, LOGITS * 2, live=edited(old, path, code=code)) == []
