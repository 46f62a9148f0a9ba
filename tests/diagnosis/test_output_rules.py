"""Rules on outputs that differ where structure and weights do not say why."""

import numpy as np
import pytest
from builders import (
    ENVIRONMENT,
    dense,
    edited,
    fingerprint,
    holding,
    layer,
    network,
    outputs,
    trained,
)
from diagnosing import (
    LOGITS,
    ON_ALL,
    codes,
    compared,
    diagnose_outputs,
    diagnose_values,
    kernels,
    moved,
)
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint import outputs as measuring
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import Edge, Port, Structure
from fpcheck.model.preprocessing import MODES

MISTAKES = {
    "none": "the model gets raw pixels (0 to 255)",
    "unit": "pixels are only divided by 255",
    "caffe": "mode 'caffe' is used (BGR, means subtracted)",
    "tf": "mode 'tf' is used (-1 to 1)",
    "torch": "mode 'torch' is used (0 to 1, then normalised)",
    "channels-reversed": "the colour channels are reversed before preprocessing",
    "channels-reversed-after": "the colour channels are reversed after preprocessing",
    "twice": "preprocessing is applied twice",
}


def answering(net: Structure, logits: Array, preprocess: str = "mine:prepare") -> Fingerprint:
    alternatives = {name: (LOGITS * (n + 2),) for n, name in enumerate(MISTAKES)}
    return fingerprint(
        net, outputs=outputs(net, logits, preprocess=preprocess, alternatives=alternatives)
    )


@ON_ALL
@pytest.mark.parametrize("place", range(len(MISTAKES)), ids=MISTAKES)
def test_outputs_of_a_preprocessing_mistake_name_the_mistake(net: Structure, place: int) -> None:
    name = list(MISTAKES)[place]
    candidate = answering(net, LOGITS * (place + 2))
    (found,) = diagnose(compared(answering(net, LOGITS), candidate))
    assert (found.code, found.layers, found.confidence) == ("preprocessing-changed", [], 0.99)
    assert found.summary == (
        f"Preprocessing differs: {MISTAKES[name]}; the golden was recorded with 'mine:prepare'."
    )
    assert found.advice == "Preprocess inputs as for the golden: --preprocess mine:prepare."


def test_every_preprocessing_mode_has_a_text() -> None:
    assert set(MODES) <= set(MISTAKES)


@ON_ALL
def test_another_preprocessing_is_named_if_no_mistake_fits(net: Structure) -> None:
    golden = answering(net, LOGITS, "caffe")
    (found,) = diagnose(compared(golden, answering(net, -LOGITS, "torch")))
    assert (found.code, found.confidence) == ("preprocessing-changed", 0.9)
    assert found.summary == (
        "Preprocessing differs: 'torch' is used; the golden was recorded with 'caffe'."
    )
    assert diagnose(compared(golden, answering(net, -LOGITS, "caffe"))) == []


@ON_ALL
def test_changed_weights_are_not_called_preprocessing_changed(net: Structure) -> None:
    name = kernels(net)[0]
    values = {**trained(net), name: trained(net)[name] * 2}
    other = fingerprint(net, values, outputs=answering(net, LOGITS * 2, "torch").outputs)
    assert codes(diagnose(compared(answering(net, LOGITS, "caffe"), other))) == ["rescaled"]


def deriving(roles: tuple[str, ...], width: int) -> Structure:
    """A layer with weights, and with state that follows from them."""
    item = holding(
        layer("prep", "Normalization", "in"), mean=(width,), **dict.fromkeys(roles, (width,))
    )
    tensors = (item.tensors[0], *(replace(t, derived=True) for t in item.tensors[1:]))
    return network(
        layer("in", "InputLayer"), replace(item, tensors=tensors), dense("last", "prep", width, 3)
    )


@pytest.mark.parametrize("width", [4, 7])
def test_state_that_was_not_updated_is_derived_state_stale(width: int) -> None:
    net = deriving(("used_mean", "used_variance"), width)
    roles = ("prep/used_mean", "prep/used_variance")
    stale = {role: np.ones(width, np.float32) for role in roles}
    (found,) = diagnose_values(net, stale)
    assert (found.code, found.layers, found.confidence) == ("derived-state-stale", ["prep"], 1.0)
    assert found.summary == (
        "The state that prep derives from its weights is out of date: used_mean, used_variance."
    )
    assert found.evidence == [f"{role}: its digest differs from the golden's" for role in roles]
    trained_on = stale | {"prep/mean": moved(trained(net)["prep/mean"])}
    assert "derived-state-stale" not in codes(diagnose_values(net, trained_on))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["fox", "cat", "dog"],
            "3 words, as in the golden, but different ones or in another order",
        ),
        (["cat", "dog", "fox", "owl"], "4 words (golden: 3)"),
        (["cat"], "1 word (golden: 3)"),
    ],
)
@pytest.mark.parametrize("path", ["words", "prep/lookup"])
def test_another_vocabulary_is_vocabulary_changed(words: list[str], text: str, path: str) -> None:
    def lookup(known: list[str]) -> Fingerprint:
        item = holding(layer(path, "StringLookup", "in"), vocabulary=(len(known),))
        tensors = (replace(item.tensors[0], dtype="string", derived=True),)
        net = network(layer("in", "InputLayer"), replace(item, tensors=tensors))
        return fingerprint(net, {f"{path}/vocabulary": np.array(known)})

    (found,) = diagnose(compared(lookup(["cat", "dog", "fox"]), lookup(words)))
    assert (found.code, found.layers, found.confidence) == ("vocabulary-changed", [path], 1.0)
    assert found.summary == f"The vocabulary of {path} differs from the golden's."
    assert found.evidence == [f"{path}/vocabulary: {text}"]


def ended(net: Structure, now: str) -> Structure:
    """The net with another function at its end."""
    path = net.layers[-1].path
    return edited(net, path, config={**(net.layers[-1].config or {}), "activation": now})


@ON_ALL
@pytest.mark.parametrize("now", ["softmax", "sigmoid"])
def test_another_last_activation_is_head_activation_changed(net: Structure, now: str) -> None:
    head = net.layers[-1].path
    (found,) = diagnose(compared(fingerprint(net), fingerprint(ended(net, now))))
    assert (found.code, found.layers, found.confidence) == ("head-activation-changed", [head], 1.0)
    text = f"{head}: activation is {now} (golden: linear)"
    assert found.summary == f"The last activation differs: {text}."
    assert found.evidence == [text]


@ON_ALL
@pytest.mark.parametrize("kind", ["Softmax", "Sigmoid"])
def test_an_added_or_missing_last_activation_is_head_activation_changed(
    net: Structure, kind: str
) -> None:
    last = net.layers[-1].path
    longer = network(
        *net.layers, layer("probs", kind, last, out=(None, 10)), shape=net.inputs[0].shape or ()
    )
    (found,) = diagnose(compared(fingerprint(net), fingerprint(longer, trained(net))))
    assert (found.code, found.layers) == ("head-activation-changed", ["probs"])
    assert found.summary == (f"The last activation differs: probs: {kind} was added.")
    (found,) = diagnose(compared(fingerprint(longer), fingerprint(net)))
    assert found.summary == (f"The last activation differs: probs: {kind} is missing.")


@ON_ALL
def test_final_values_alone_show_another_last_activation(net: Structure) -> None:
    squashed = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    (found,) = diagnose_outputs(net, LOGITS, final=squashed)
    assert (found.code, found.layers) == ("head-activation-changed", ["head"])
    assert found.confidence == 0.99
    assert found.evidence == ["head: the logits equal the golden's, the final values do not"]


def two_headed(*order: int, weights_of: int = 0) -> Fingerprint:
    """A model of two outputs, that gives them in some order."""
    net = network(
        layer("in", "InputLayer"),
        dense("a", "in", 8, 5),
        dense("b", "in", 8, 5),
    )
    ports = tuple(Port(n, (None, 5), "float32", Edge(n)) for n in ("a", "b"))
    net = replace(net, outputs=tuple(ports[i] for i in order))
    values = [np.random.default_rng(i).normal(size=(4, 5)).astype(np.float32) for i in (1, 2)]
    answers = tuple(measuring.answer("ab"[i], values[i], values[i], False) for i in order)
    measured = outputs(net, answers=answers)
    return fingerprint(net, trained(net, weights_of), outputs=measured)


def test_outputs_in_another_order_are_outputs_reordered() -> None:
    golden, turned = two_headed(0, 1), two_headed(1, 0)
    by_values = replace(turned, structure=golden.structure)
    by_source = replace(turned, outputs=None)
    for candidate in (turned, by_values, by_source):
        (found,) = diagnose(compared(golden, candidate))
        assert (found.code, found.layers) == ("outputs-reordered", ["b", "a"])
        assert found.confidence == (0.99 if candidate is by_values else 1.0)
        assert found.summary == (
            "The outputs are in another order: output 0 is the golden's output 1 (b)."
        )
    assert diagnose(compared(golden, golden)) == []


@ON_ALL
@pytest.mark.parametrize(
    ("by", "environment", "confidence", "text"),
    [
        (3e-3, {"tensorflow": "2.16.1"}, 0.8, ": tensorflow differs: 2.16.1 (golden: 2.21.0)"),
        (3e-3, {"tf32": "1"}, 0.8, ": tf32 differs: 1 (golden: not set)"),
        (0.05, {"keras": "3.0.0"}, 0.5, ": keras differs: 3.0.0 (golden: 3.15.0)"),
        (3e-3, {}, 0.4, ""),
    ],
)
def test_small_differences_name_the_changed_environment(
    net: Structure, by: float, environment: dict[str, str], confidence: float, text: str
) -> None:
    logits = LOGITS.copy()
    logits[0, 0] += np.float32(by * np.sqrt(np.mean(LOGITS**2)))
    (found,) = diagnose_outputs(net, logits, environment={**ENVIRONMENT, **environment})
    assert (found.code, found.layers, found.confidence) == ("numeric-environment", [], confidence)
    assert found.summary == (
        f"Structure and weights match; outputs differ by {by:.2g} of their RMS, which rounding can "
        f"cause{text}."
    )


@ON_ALL
@pytest.mark.parametrize("bad", [np.nan, np.inf, 10.0])
def test_large_or_non_finite_differences_are_not_called_rounding(
    net: Structure, bad: float
) -> None:
    logits = LOGITS.copy()
    logits[0, 0] = bad
    assert diagnose_outputs(net, logits, environment={"keras": "3.0.0"}) == []
