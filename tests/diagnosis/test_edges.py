"""Tensors and goldens at the edge: rules neither crash there nor claim what nobody can know."""

import warnings
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from builders import bare, dense, fingerprint, holding, layer, network, relayered, trained
from diagnosing import NETS, ON_ALL, codes, compared, diagnose_values, fresh, with_closer_look
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.diagnosis import diagnose
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import Structure
from fpcheck.report.result import Diagnosis


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def holder(values: Array, path: str = "table") -> Structure:
    """A model with one layer that holds a tensor of some shape and type, and a head."""
    item = holding(layer(path, "Table", "ids"), kernel=values.shape)
    kind = "string" if values.dtype.kind in "OSU" else values.dtype.name
    typed = replace(item, tensors=(replace(item.tensors[0], dtype=kind),))
    return network(layer("ids", "InputLayer"), typed, dense("last", path, 3, 4))


def diagnose_table(was: Array, now: Array) -> list[Diagnosis]:
    """The diagnoses if the tensor of that layer differs, in shape and type too."""
    old, new = holder(was), holder(now)
    rest = {n: v for n, v in trained(old).items() if n.startswith("last/")}
    values = {**rest, "table/kernel": now}
    golden = fingerprint(old, {**rest, "table/kernel": was})
    return diagnose(with_closer_look(compared(golden, fingerprint(new, values)), values))


def array(*values: Any, dtype: type = np.float32) -> Array:
    made: Array = np.array(values, dtype)
    return made


STRINGS = array("a", "b", dtype=object), array("b", "a", dtype=object)
DRAW = np.random.default_rng(0).normal(size=(6, 10)).astype(np.float32)
CASES: dict[str, tuple[Array, Array, list[str]]] = {
    "scalar": (np.array(2, np.float32), np.array(3, np.float32), ["other-checkpoint"]),
    "scalar-zeroed": (np.array(2, np.float32), np.array(0, np.float32), ["zeroed"]),
    "one-value": (array(2.0), array(3.0), ["other-checkpoint"]),
    "two-exchanged": (array(2.0, 3.0), array(3.0, 2.0), ["axis-permuted"]),
    "one-of-two": (array(2.0, 3.0), array(2.0, 4.0), ["point-change"]),
    "constants": (np.full(20, 2.0), np.full(20, 3.0), ["rescaled"]),
    "zeros-before": (np.zeros(20), np.arange(20) / 4.0, ["other-checkpoint"]),
    "no-more-numbers": (array(1.0, 2.0), array(np.nan, np.inf), ["non-finite"]),
    "nan-before": (array(np.nan, 2.0, 3.0), array(1.0, 2.0, 3.0), ["other-checkpoint"]),
    "nan-elsewhere": (array(np.nan, 2.0, 3.0), array(2.0, np.nan, 3.0), ["other-checkpoint"]),
    "infinite-before": (np.full((3, 4), np.inf), np.ones((3, 4)), ["other-checkpoint"]),
    "strings": (*STRINGS, []),
    "integers": (np.arange(30), np.arange(30)[::-1].copy(), ["axis-permuted"]),
    "integers-moved": (np.arange(30), np.arange(30) + 1, ["fine-tuned"]),
    "truth": (np.arange(9) % 2 == 0, np.arange(9) % 2 == 1, ["other-checkpoint"]),
    "small-integers": (
        np.eye(4, dtype=np.int8),
        np.eye(4, dtype=np.int8)[::-1].copy(),
        ["axis-permuted"],
    ),
    "bfloat16": (
        DRAW.astype(ml_dtypes.bfloat16),
        (2 * DRAW).astype(ml_dtypes.bfloat16),
        ["rescaled"],
    ),
    "emptied": (DRAW, np.zeros((0, 10), np.float32), []),
    "filled": (np.zeros((0, 10), np.float32), DRAW, []),
    "other-shape": (DRAW, DRAW[:5].copy(), []),
    "other-rank": (DRAW, DRAW.reshape(6, 5, 2), []),
    "other-type": (DRAW, DRAW.astype(np.float64), ["dtype-changed"]),
    "flattened": (DRAW, DRAW.ravel(), []),
}


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_tensor_can_be_diagnosed(name: str) -> None:
    was, now, expected = CASES[name]
    assert codes(diagnose_table(was, now)) == expected


@pytest.mark.parametrize("kind", ["Orthogonal", "GlorotUniform", "Constant", "Identity", "Zeros"])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 5), (5, 0), (1, 1), (2, 0, 3)])
def test_initializers_accept_tensors_without_values(kind: str, shape: tuple[int, ...]) -> None:
    def started(values: Array) -> Structure:
        initializer = {"kernel_initializer": {"class": kind, "config": {}}}
        return relayered(holder(values), lambda la: replace(la, training=initializer))

    was, now = started(DRAW), started(np.zeros(shape, np.float32))
    rest = {n: v for n, v in trained(was).items() if n.startswith("last/")}
    other = fingerprint(now, {"table/kernel": np.zeros(shape, np.float32), **rest})
    zeros = kind in ("Constant", "Zeros") and np.prod(shape) > 0
    expected = ["not-loaded"] if zeros else []
    assert codes(diagnose(compared(fingerprint(was), other))) == expected


@pytest.mark.parametrize("width", [5, 8, 10])
def test_values_on_a_grid_where_the_golden_is_zero_do_not_crash(width: int) -> None:
    assert codes(diagnose_table(np.zeros(width), np.arange(width) / 8.0)) == ["other-checkpoint"]


@ON_ALL
def test_digests_without_details_give_no_diagnosis(net: Structure) -> None:
    values = trained(net)
    body = {n: v for n, v in trained(net, 3).items() if not n.startswith(net.layers[-1].path)}
    golden, other = fingerprint(net, values), fingerprint(net, {**values, **body})
    assert codes(diagnose(compared(bare(golden), other))) == []
    assert codes(diagnose(compared(golden, bare(other)))) == []


@ON_ALL
def test_swapped_layers_are_found_without_details(net: Structure) -> None:
    """Of a tensor that the golden holds in another place, only the digest is taken again."""
    paths = ("conv2", "conv3") if "conv2" in net.by_path else ("first", "second")
    values = trained(net)
    turned = {
        f"{a}/{r}": values[f"{b}/{r}"] for a, b in (paths, paths[::-1]) for r in ("kernel", "bias")
    }
    other = bare(fingerprint(net, {**values, **turned}))
    assert codes(diagnose(compared(fingerprint(net), other))) == ["layers-swapped"]


@ON_ALL
def test_a_golden_without_weights_is_diagnosed_by_structure(net: Structure) -> None:
    path = net.layers[1].path
    config = {**(net.by_path[path].config or {}), "activation": "relu"}
    other = relayered(net, lambda la: replace(la, config=config) if la.path == path else la)
    for golden, candidate in (
        (Fingerprint(net), fingerprint(other)),
        (fingerprint(net), Fingerprint(other)),
    ):
        assert codes(diagnose(compared(golden, candidate))) == ["config-changed"]


def ungraphed(net: Structure) -> Structure:
    """As a subclassed model: nobody knows what feeds what."""
    return replace(relayered(net, lambda la: replace(la, calls=None)), outputs=())


@ON_ALL
def test_models_without_a_graph_are_diagnosed(net: Structure) -> None:
    plain, head = ungraphed(net), net.layers[-1].path
    weighted = [la.path for la in net.layers if la.tensors]
    replaced = {n: v for n, v in trained(net, 4).items() if n.startswith(f"{head}/")}
    (found,) = diagnose_values(plain, replaced)
    assert (found.code, found.layers) == ("head-replaced", [head])
    (found,) = diagnose_values(plain, fresh(net))
    assert (found.code, found.layers) == ("not-loaded", weighted)
    shorter = replace(plain, layers=plain.layers[:-1])
    (found,) = diagnose(compared(fingerprint(plain), fingerprint(shorter, trained(net))))
    assert found.summary == f"The model lacks 1 layer of the golden: {head}."


def test_a_model_without_layers_is_a_wrong_architecture() -> None:
    net = NETS["perceptron"]
    empty = replace(net, layers=(), inputs=(), outputs=())
    for golden, candidate in ((net, empty), (empty, net)):
        (found,) = diagnose(compared(fingerprint(golden), fingerprint(candidate)))
        assert found.code == "wrong-architecture"
        assert (
            found.summary
            == f"Only 0 of {len(net.layers)} layers match the golden: it is another model."
        )
