"""Rules on outputs that differ where structure and weights do not say why."""

import numpy as np
import pytest
from builders import fingerprint, outputs, trained
from diagnosing import ON_ALL, codes, compared, kernels

from fpcheck.codec import Array
from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint.structure import Structure
from fpcheck.fingerprint.value import Fingerprint
from fpcheck.model.preprocess import MODES

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
