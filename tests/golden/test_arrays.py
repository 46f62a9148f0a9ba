"""Fingerprints as HDF5: nothing is lost, and equal content gives equal bytes."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from builders import activation, convnet, fingerprint, layer, network, outputs, perceptron, trained
from msgspec.structs import replace

from fpcheck import codec
from fpcheck.codec import Array
from fpcheck.fingerprint import accuracy, weights
from fpcheck.fingerprint import outputs as measuring
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.outputs import Noise, Reach
from fpcheck.fingerprint.probe_values import ProbeInput
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import Tensor
from fpcheck.golden import arrays

NET = perceptron(4)
RANDOM = np.random.default_rng(0)


def plainly(value: object) -> Any:
    """All content of a value as builtins, arrays with type, shape and bytes."""
    return msgspec.msgpack.decode(codec.pack(value))


def holding(*tensors: tuple[Array, str]) -> Fingerprint:
    """A model of one layer with these tensors."""
    described = tuple(
        Tensor(f"t{n}", n, values.shape, dtype, None) for n, (values, dtype) in enumerate(tensors)
    )
    net = network(replace(layer("a", "Odd"), tensors=described))
    return Fingerprint(net, tuple(weights.measure(values, dtype) for values, dtype in tensors))


def with_outputs(**changes: Any) -> Fingerprint:
    return Fingerprint(NET, None, outputs(NET, **changes))


def given(*values: Array) -> Probes:
    inputs = tuple(
        ProbeInput(f"x{n}", "values", v.shape[1:], str(v.dtype), 1) for n, v in enumerate(values)
    )
    return Probes(inputs, len(values[0]), values, "given")


def answered(*shapes: tuple[int, ...]) -> Any:
    drawn = [RANDOM.normal(size=shape).astype(np.float32) for shape in shapes]
    return tuple(measuring.answer(f"y{n}", a, a * 2, bool(n)) for n, a in enumerate(drawn))


def judged(count: int, classes: tuple[str, ...]) -> Fingerprint:
    images = RANDOM.integers(0, 255, (count, 2, 2, 1)).astype(np.uint8)
    scores = RANDOM.random((count, 7))
    found = accuracy.measure(images, np.zeros(count, int), scores, classes, "caffe")
    return Fingerprint(NET, accuracy=found)


STRINGS = (np.array(["cat", "Käse"], object), "string")
TEXTS = np.array([["a cat"], ["Käse"]])
CASES = {
    "structure": Fingerprint(NET),
    "weights": fingerprint(convnet()),
    "all levels": fingerprint(NET, outputs=outputs(NET)),
    "outputs without weights": with_outputs(),
    "no tensors": holding(),
    "strings only": holding(STRINGS),
    "strings between numbers": holding((np.ones(3), "float64"), STRINGS, (np.eye(4), "float64")),
    "scalars and empty tensors": holding(
        (np.array(3, np.int64), "int64"), (np.zeros((0, 3)), "float64"), (np.zeros(0), "float64")
    ),
    "not finite": holding((np.array([[np.nan, np.inf, 1]], np.float32), "float32")),
    "large and small": holding(
        (RANDOM.normal(size=(300, 40)).astype(np.float32), "float32"), (np.eye(2), "float64")
    ),
    "given probes": with_outputs(
        probes=given(RANDOM.random((3, 2)), np.arange(900, dtype=np.uint8).reshape(3, 10, 10, 3))
    ),
    "given text": with_outputs(probes=given(TEXTS)),
    "text probes": with_outputs(
        probes=Probes((ProbeInput("x", "text", (1,), "string", 5, words=("cat", "Käse")),))
    ),
    "alternatives": with_outputs(
        alternatives={"twice": (np.ones((4, 10), np.float32),), "caffe": (np.eye(4),)}
    ),
    "several outputs": with_outputs(
        answers=answered((4, 3), (4, 200, 200)),
        alternatives={"none": (np.zeros((4, 3)), np.zeros((4, 9)))},
    ),
    "noise": with_outputs(noise=Noise(0.0, None, 1 / 3e7)),
    "reach": with_outputs(reach=Reach(("a", "b"), ("c",))),
    "no activations": with_outputs(activations=()),
    "shared layers": with_outputs(activations=(activation("a"), replace(activation("a"), call=1))),
    "accuracy": judged(5, ("a", "Käse")),
    "accuracy of many": judged(600, ()),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_encoded_is_decoded_in_full(name: str) -> None:
    measured = CASES[name]
    found = arrays.decode(arrays.encode(measured))
    assert plainly(found) == plainly(measured)
    assert found.content_id == measured.content_id
    assert found.structure.digest == measured.structure.digest


def test_strings_as_probes_come_back_as_they_were() -> None:
    found = arrays.decode(arrays.encode(with_outputs(probes=given(TEXTS))))
    assert found.outputs is not None
    assert found.outputs.probes.make()[0].tolist() == TEXTS.tolist()


BYTES_OF = """
from builders import fingerprint, outputs, perceptron
from fpcheck.fingerprint import digest
from fpcheck.golden import arrays
net = perceptron(30)
print(digest.text(digest.of_bytes(arrays.encode(fingerprint(net, outputs=outputs(net))))))
"""


def test_equal_content_gives_equal_bytes_at_any_time_and_in_any_process() -> None:
    net = perceptron(30)
    first = arrays.encode(fingerprint(net, outputs=outputs(net)))
    time.sleep(1.1)  # HDF5 has timestamps of a second
    assert arrays.encode(fingerprint(net, outputs=outputs(net))) == first
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(
        [sys.executable, "-c", BYTES_OF], env=environment, capture_output=True, check=True
    ).stdout.decode()
    from fpcheck.fingerprint import digest

    assert printed.strip() == digest.text(digest.of_bytes(first))


@pytest.mark.parametrize("name", ["all levels", "accuracy", "given probes", "alternatives"])
def test_what_was_decoded_encodes_to_the_same_bytes(name: str) -> None:
    data = arrays.encode(CASES[name])
    assert arrays.encode(arrays.decode(data)) == data


def test_one_unit_in_the_last_place_gives_other_bytes() -> None:
    values = trained(NET)
    other = {**values, "last/bias": np.nextafter(values["last/bias"], np.float32(9))}
    assert arrays.encode(fingerprint(NET, values)) != arrays.encode(fingerprint(NET, other))


def test_no_clock_and_no_host_stand_in_the_file(tmp_path: Path) -> None:
    data = arrays.encode(CASES["all levels"])
    for word in (os.uname().nodename, str(tmp_path), time.strftime("%Y-%m-%d")):
        assert word.encode() not in data
