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
from diagnosing import LOGITS, ON_ALL, answered, codes, compared, diagnosed, kernels, moved
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint import outputs as measuring
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import Edge, Port, Structure
from fpcheck.model.preprocessing import MODES

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


def deriving(roles: tuple[str, ...], width: int) -> Structure:
    """A layer with weights, and with state that follows from them."""
    item = holding(
        layer("prep", "Normalization", "in"), mean=(width,), **dict.fromkeys(roles, (width,))
    )
    tensors = (item.tensors[0], *(replace(t, derived=True) for t in item.tensors[1:]))
    return network(layer("in", "InputLayer"), replace(item, tensors=tensors),
                   dense("last", "prep", width, 3))  # fmt: skip


@pytest.mark.parametrize("width", [4, 7])
def test_state_that_was_not_derived_again_is_named(width: int) -> None:
    net = deriving(("used_mean", "used_variance"), width)
    roles = ("prep/used_mean", "prep/used_variance")
    stale = {role: np.ones(width, np.float32) for role in roles}
    (found,) = diagnosed(net, stale)
    assert (found.code, found.layers, found.confidence) == ("derived-state-stale", ["prep"], 1.0)
    assert found.summary == (
        "prep: the weights are the golden's, but not used_mean, used_variance, with which the "
        "layer computes."
    )
    assert found.evidence == [f"{role}: another digest than the golden's" for role in roles]
    trained_on = stale | {"prep/mean": moved(trained(net)["prep/mean"])}
    assert "derived-state-stale" not in codes(diagnosed(net, trained_on))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fox", "cat", "dog"], "3 words as in the golden, others or in another order"),
        (["cat", "dog", "fox", "owl"], "4 words, golden 3"),
        (["cat"], "1 word, golden 3"),
    ],
)
@pytest.mark.parametrize("path", ["words", "prep/lookup"])
def test_another_vocabulary_is_named(words: list[str], says: str, path: str) -> None:
    def lookup(known: list[str]) -> Fingerprint:
        item = holding(layer(path, "StringLookup", "in"), vocabulary=(len(known),))
        tensors = (replace(item.tensors[0], dtype="string", derived=True),)
        net = network(layer("in", "InputLayer"), replace(item, tensors=tensors))
        return fingerprint(net, {f"{path}/vocabulary": np.array(known)})

    (found,) = diagnose(compared(lookup(["cat", "dog", "fox"]), lookup(words)))
    assert (found.code, found.layers, found.confidence) == ("vocabulary-changed", [path], 1.0)
    assert found.summary == f"The vocabulary of {path} is not the golden's."
    assert found.evidence == [f"{path}/vocabulary: {says}"]


def ended(net: Structure, now: str) -> Structure:
    """The net with another function at its end."""
    path = net.layers[-1].path
    return edited(net, path, config={**(net.layers[-1].config or {}), "activation": now})


@ON_ALL
@pytest.mark.parametrize("now", ["softmax", "sigmoid"])
def test_another_function_at_the_end_is_named(net: Structure, now: str) -> None:
    head = net.layers[-1].path
    (found,) = diagnose(compared(fingerprint(net), fingerprint(ended(net, now))))
    assert (found.code, found.layers, found.confidence) == ("head-activation-changed", [head], 1.0)
    says = f"{head}: activation is {now}, golden linear"
    assert found.summary == f"The function at the end is another one: {says}."
    assert found.evidence == [says]


@ON_ALL
@pytest.mark.parametrize("kind", ["Softmax", "Sigmoid"])
def test_a_function_that_was_added_or_left_out_at_the_end_is_named(
    net: Structure, kind: str
) -> None:
    last = net.layers[-1].path
    shape = net.inputs[0].shape
    assert shape is not None
    longer = network(*net.layers, layer("probs", kind, last, out=(None, 10)),
                     shape=shape)  # fmt: skip
    (found,) = diagnose(compared(fingerprint(net), fingerprint(longer, trained(net))))
    assert (found.code, found.layers) == ("head-activation-changed", ["probs"])
    assert found.summary == (
        f"The function at the end is another one: probs: {kind} that the golden lacks."
    )
    (found,) = diagnose(compared(fingerprint(longer), fingerprint(net)))
    assert found.summary == (f"The function at the end is another one: probs: {kind} is missing.")


@ON_ALL
def test_final_values_alone_show_a_function_at_the_end(net: Structure) -> None:
    squashed = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    (found,) = answered(net, LOGITS, final=squashed)
    assert (found.code, found.layers) == ("head-activation-changed", ["head"])
    assert found.confidence == 0.99
    assert found.evidence == ["head: before its last function it is the golden's"]


def two_headed(*order: int, weights_of: int = 0) -> Fingerprint:
    """A model of two outputs, that gives them in some order."""
    net = network(
        layer("in", "InputLayer"), dense("a", "in", 8, 5), dense("b", "in", 8, 5),
    )  # fmt: skip
    ports = tuple(Port(n, (None, 5), "float32", Edge(n)) for n in ("a", "b"))
    net = replace(net, outputs=tuple(ports[i] for i in order))
    values = [np.random.default_rng(i).normal(size=(4, 5)).astype(np.float32) for i in (1, 2)]
    answers = tuple(measuring.answer("ab"[i], values[i], values[i], False) for i in order)
    held = outputs(net, answers=answers)
    return fingerprint(net, trained(net, weights_of), outputs=held)


def test_outputs_in_another_order_are_named() -> None:
    golden, turned = two_headed(0, 1), two_headed(1, 0)
    by_values = replace(turned, structure=golden.structure)
    by_source = replace(turned, outputs=None)
    for candidate in (turned, by_values, by_source):
        (found,) = diagnose(compared(golden, candidate))
        assert (found.code, found.layers) == ("outputs-reordered", ["b", "a"])
        assert found.confidence == (0.99 if candidate is by_values else 1.0)
        assert found.summary == (
            "The outputs stand in another order: output 0 is the golden's output 1 (b)."
        )
    assert diagnose(compared(golden, golden)) == []


@ON_ALL
@pytest.mark.parametrize(
    ("by", "environment", "confidence", "says"),
    [
        (3e-3, {"tensorflow": "2.16.1"}, 0.8, ": tensorflow: 2.16.1, golden 2.21.0"),
        (3e-3, {"tf32": "1"}, 0.8, ": tf32: 1, golden not set"),
        (0.05, {"keras": "3.0.0"}, 0.5, ": keras: 3.0.0, golden 3.15.0"),
        (3e-3, {}, 0.4, ""),
    ],
)
def test_other_rounding_is_named_with_what_differs_around_it(
    net: Structure, by: float, environment: dict[str, str], confidence: float, says: str
) -> None:
    logits = LOGITS.copy()
    logits[0, 0] += np.float32(by * np.sqrt(np.mean(LOGITS**2)))
    (found,) = answered(net, logits, environment={**ENVIRONMENT, **environment})
    assert (found.code, found.layers, found.confidence) == ("numeric-environment", [], confidence)
    assert found.summary == (
        f"Structure and weights are the golden's; outputs differ by {by:.2g} of their RMS, as "
        f"other rounding makes it{says}."
    )


@ON_ALL
@pytest.mark.parametrize("bad", [np.nan, np.inf, 10.0])
def test_what_is_too_large_or_no_number_is_not_called_rounding(net: Structure, bad: float) -> None:
    logits = LOGITS.copy()
    logits[0, 0] = bad
    assert answered(net, logits, environment={"keras": "3.0.0"}) == []
