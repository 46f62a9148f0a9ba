"""Configurations by meaning."""

import base64
import marshal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fpcheck.codec import canonical_json
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.canonical import LONGEST_ARRAY, plain, port_key, split_config


def keras_object(class_name: str, /, **config: Any) -> dict[str, Any]:
    return {
        "module": "keras.x",
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def decisive(config: dict[str, Any], name: str = "Dense", custom: bool = False) -> dict[str, Any]:
    return split_config(config, name, custom)[0]


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "trainable",
        "dtype",
        "registered_name",
        "module",
        "build_config",
        "compile_config",
        "shared_object_id",
        "batch_input_shape",
    ],
)
def test_bookkeeping_is_removed(key: str) -> None:
    assert split_config({key: "x", "units": 3}, "Dense", False) == ({"units": 3}, {})


def test_none_and_missing_mean_the_same() -> None:
    assert decisive({"units": 3, "lora_rank": None}) == decisive({"units": 3}) == {"units": 3}
    nested = {"layer": keras_object("Dense", units=3, lora_rank=None)}
    assert decisive(nested) == decisive({"layer": keras_object("Dense", units=3)})


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Dense", "kernel_initializer"),
        ("Dense", "bias_regularizer"),
        ("Dense", "kernel_constraint"),
        ("Conv2D", "seed"),
        ("Dense", "autocast"),
        ("BatchNormalization", "momentum"),
        ("Dropout", "rate"),
        ("LSTM", "recurrent_dropout"),
        ("LSTM", "unit_forget_bias"),
        ("MultiHeadAttention", "dropout"),
    ],
)
def test_training_attributes_are_separate_unless_the_class_is_custom(name: str, key: str) -> None:
    assert split_config({key: 5}, name, custom=False) == ({}, {key: 5})
    assert split_config({key: 5}, name, custom=True) == ({key: 5}, {})


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Dense", "rate"),
        ("SGD", "momentum"),
        ("Dense", "dropout"),
        ("ops.ElasticTransform", "seed"),
    ],
)
def test_an_attribute_of_the_same_name_in_another_class_decides(name: str, key: str) -> None:
    assert split_config({key: 5}, name, custom=False) == ({key: 5}, {})


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("StringLookup", "vocabulary"),
        ("TextVectorization", "vocabulary"),
    ],
)
def test_state_that_is_measured_as_a_tensor_is_left_out(name: str, key: str) -> None:
    assert split_config({key: [1.0]}, name, custom=False) == ({}, {})


def test_a_custom_class_keeps_what_a_namesake_of_the_framework_measures() -> None:
    assert split_config({"mean": 1.0}, "Normalization", custom=True) == ({"mean": 1.0}, {})


@pytest.mark.parametrize(
    ("value", "same"),
    [
        ((1, 2), [1, 2]),
        (((1, 2), (3,)), [[1, 2], [3]]),
        (np.array([1, 2]), [1, 2]),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        ({"b", "a"}, ["a", "b"]),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (np.array([np.inf]), ["inf"]),
        ({1: (2,)}, {"1": [2]}),
        (b"ab", digest.text(digest.of_bytes(b"ab"))),
        (len, "builtins:len"),
        (np.zeros(0), []),
    ],
)
def test_one_meaning_has_one_spelling(value: Any, same: Any) -> None:
    assert canonical_json(plain(value)) == canonical_json(same)


def test_a_short_array_is_kept_and_a_long_one_is_hashed() -> None:
    short, long = np.arange(LONGEST_ARRAY), np.arange(LONGEST_ARRAY + 1)
    assert plain(short) == list(range(LONGEST_ARRAY))
    assert plain(long) == digest.text(digest.of_array(long, "int64"))
    assert plain(long) != plain(long[::-1])


def test_an_array_in_the_configuration_of_a_keras_layer_is_read() -> None:
    assert decisive({"values": np.arange(3.0)}) == {"values": [0.0, 1.0, 2.0]}


def test_a_dtype_policy_is_its_name() -> None:
    policy = keras_object("DTypePolicy", name="mixed_float16")
    assert plain(policy) == "mixed_float16"
    plainly = {"layer": keras_object("LSTMCell", units=3, dtype="mixed_float16")}
    wrapped = {"layer": keras_object("LSTMCell", units=3, dtype=policy)}
    assert decisive(plainly, "RNN") == decisive(wrapped, "RNN")


def test_nested_layers_keep_their_dtype_and_lose_their_bookkeeping_and_training() -> None:
    cell = keras_object(
        "LSTMCell", name="cell_7", units=3, dtype="float16", kernel_initializer="x", seed=1
    )
    assert decisive({"cell": cell}, "RNN") == {
        "cell": {"class": "LSTMCell", "config": {"units": 3, "dtype": "float16"}}
    }


def test_layers_nested_in_lists_are_plain_too() -> None:
    cells = [keras_object("GRUCell", name=f"c{n}", units=n) for n in (1, 2)]
    assert decisive({"cells": cells}, "StackedRNNCells") == {
        "cells": [{"class": "GRUCell", "config": {"units": n}} for n in (1, 2)]
    }


@pytest.mark.parametrize("registered", ["mine>Scale", "Scale"])
def test_a_nested_custom_class_keeps_all(registered: str) -> None:
    """Keras writes the bare class name where a custom class was not registered."""
    nested = {
        "module": "mine",
        "class_name": "Scale",
        "config": {"factor_constraint": 5},
        "registered_name": registered,
    }
    assert decisive({"layer": nested}, "TimeDistributed") == {
        "layer": {"class": registered, "config": {"factor_constraint": 5}}
    }


def test_functions_are_compared_by_name() -> None:
    function = {
        "module": "builtins",
        "class_name": "function",
        "config": "my_activation",
        "registered_name": "function",
    }
    assert decisive({"activation": function}) == {"activation": "my_activation"}


LAMBDAS: dict[str, Callable[[str], Any]] = {
    "parts": lambda code: {"class_name": "__lambda__", "config": {"code": code, "defaults": None}},
    "value": lambda code: {"class_name": "__lambda__", "config": {"value": [code, None, None]}},
    "live activation": lambda code: {"value": (code, None, None)},
    "activation in a file": lambda code: {"value": [code, None, None]},
}


@pytest.mark.parametrize("form", LAMBDAS)
def test_lambdas_are_compared_by_their_code_in_every_spelling(form: str) -> None:
    written = LAMBDAS[form]
    assert plain(written("4wE=")) == plain(LAMBDAS["parts"]("4wE=")) != plain(written("4wI="))
    assert plain(written("4wE=")).startswith("lambda:b3:")


def test_where_a_lambda_was_written_does_not_matter() -> None:
    def stored(text: str, name: str) -> Any:
        function = eval(compile(text, name, "eval"))  # noqa: S307  # our own text
        code = base64.b64encode(marshal.dumps(function.__code__)).decode()
        config = {"code": code, "defaults": None, "closure": None}
        return plain({"class_name": "__lambda__", "config": config})

    assert stored("lambda x: x * 2", "a.py") == stored("\n\nlambda x: x * 2", "b.py")
    assert stored("lambda x: x * 2", "a.py") != stored("lambda x: x * 3", "a.py")


def test_a_live_object_is_compared_by_its_class() -> None:
    class Odd:
        pass

    assert plain(Odd()) == plain(Odd) == f"{__name__}:{Odd.__qualname__}"


def test_a_dictionary_that_only_looks_like_an_object_is_kept() -> None:
    assert plain({"class_name": "a"}) == {"class_name": "a"}
    assert plain({"class_name": "a", "config": 3}) == {"class": "a", "config": 3}


def test_the_given_configuration_is_not_changed() -> None:
    config = {"layer": keras_object("Dense", units=(3,)), "name": "x"}
    before = repr(config)
    split_config(config, "TimeDistributed", False)
    assert repr(config) == before


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ((0, 1), ""),
        (("a", 0), "a/0"),
        (("a", "b"), "a/b"),
        (("a/b",), "a~1b"),
        (("a~1b",), "a~01b"),
    ],
)
def test_a_port_has_the_key_of_its_path_alone(path: tuple[str | int, ...], key: str) -> None:
    assert port_key(path) == key
