"""Messages of Keras are told in whole sentences, with what to do about their cause."""

import pytest

from fpcheck.model.refusal_reasons import is_newer, reason, remedy

CONFIG = "config={'module': 'keras.layers', 'class_name': 'Dense', 'config': {'units': 3}}.\n\n"
LONG = "This sentence is one of many. " * 30
SAID = {
    "No module named 'net'": "No module named 'net'",
    "A total of 2 objects could not be loaded. Example error message for object <Dense name=d>:"
    "\n\nLayer 'd' expected 2 variables, but received 0.\n\nList of objects that could not be "
    "loaded:\n[<Dense name=d>, <Dense name=e>]": "A total of 2 objects could not be loaded. "
    "Example error message for object <Dense name=d>: Layer 'd' expected 2 variables, but "
    "received 0",
    "<class 'Model'> could not be deserialized properly. Please look.\n\n"
    + CONFIG
    + "Exception encountered: <class 'Dense'> could not be deserialized properly.\n\n"
    + CONFIG
    + "Exception encountered: Unrecognized keyword arguments passed to Dense: {'a': 1}": (
        "Unrecognized keyword arguments passed to Dense: {'a': 1}"
    ),
    "Could not locate class 'Net'. Make sure it is imported. Full object config: {'module': 'm'}": (
        "Could not locate class 'Net'. Make sure it is imported"
    ),
    "Exception encountered when calling Dense.call().\n\n\x1b[1mThe shapes differ.\x1b[0m\n\n"
    "Arguments received by Dense.call():\n  • inputs=tf.Tensor": "The shapes differ",
    "Invalid input shape for input [[[0.7 0.1 0.2]\n [0.1 0.2 0.3]\n [0.5 0.3 0.4]\n [1. 2. 3.]]]. "
    "Expected shape (None, 4).": "Invalid input shape for input [...]. Expected shape (None, 4)",
    LONG: (LONG[: 30 * 10 - 1]).rstrip(". "),
    "word " * 200: ("word " * 120).rstrip() + " ...",
    "": "ValueError",
}


@pytest.mark.parametrize("said", SAID)
def test_a_reason_is_whole_sentences(said: str) -> None:
    assert reason(ValueError(said)) == SAID[said]


LOCATE = "Could not locate class 'New'. Full object config: {'module': '%s.layers'}"
CUSTOM = "Name the module of its layers: --custom-objects package.module."
UPDATE = "Update Keras: pip install -U keras."


@pytest.mark.parametrize(
    ("said", "newer", "advice"),
    [
        ("Unrecognized keyword arguments", True, UPDATE),
        (LOCATE % "keras", True, UPDATE),
        (LOCATE % "mine", True, CUSTOM),
        (LOCATE % "mine", False, CUSTOM),
        (
            "Layer 'd' expected 2 variables, but received 0",
            False,
            "Its weights do not fit its layers: save it again from the model that it was made of.",
        ),
        (
            "pass safe_mode=False",
            True,
            "The file contains code. If you trust its source, allow it with --trust.",
        ),
        (
            "Unrecognized keyword arguments",
            False,
            "Load it with Keras 3.1.0, and save it again; --debug shows the whole error.",
        ),
    ],
)
def test_the_advice_names_what_to_do_for_the_cause(said: str, newer: bool, advice: str) -> None:
    assert remedy(ValueError(said), newer, "3.1.0") == advice


def test_versions_are_compared_by_number() -> None:
    assert is_newer("3.15.1", "3.9.0")
    assert not is_newer("3.9.2", "3.10.0")
    assert not is_newer("3.10.1", "3.10.0")
    assert not is_newer(None, "3.10.0")
