"""A fingerprint as HDF5: everything at full precision, equal bytes for equal content.

There are few, large datasets, since every dataset has a header of some hundred bytes.
`docs/golden-format.md` describes each dataset.
"""

import io
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeVar

import h5py
import msgspec
import numpy as np

from fpcheck.codec import Array, Value, canonical_json
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.accuracy import Accuracy
from fpcheck.fingerprint.counterfactual import COUNTERFACTUALS
from fpcheck.fingerprint.digest import DIGEST_BYTES
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.measurement import QUANTILES, Details, Measurement, Statistics
from fpcheck.fingerprint.outputs import Activation, Answer, Noise, Outputs, Reach
from fpcheck.fingerprint.probe_values import ProbeInput
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import Structure, Tensor

SCHEMA = "fpcheck-arrays/2"
READABLE = ("fpcheck-arrays/1", SCHEMA)
# The arrays of `Accuracy`.
_ACCURACY = ("examples", "labels", "predicted", "confidence", "margin")
T = TypeVar("T")


class _AnswerHead(Value, frozen=True):
    name: str
    shape: tuple[int, ...]
    squashed: bool


class _ActivationHead(Value, frozen=True):
    layer: str
    call: int
    shape: tuple[int, ...]


class _OutputsHead(Value, frozen=True):
    """Everything in `Outputs` that is not an array."""

    recipe: str
    probe_recipe: str
    inputs: tuple[ProbeInput, ...]
    count: int
    given: bool
    preprocess: str
    environment: dict[str, str]
    noise: Noise
    reach: Reach
    answers: tuple[_AnswerHead, ...]
    activations: tuple[_ActivationHead, ...]
    alternatives: tuple[str, ...]
    functions: tuple[str, ...] = ()


class _AccuracyHead(Value, frozen=True):
    top1: float
    top5: float
    classes: tuple[str, ...]
    preprocess: str


def encode(fingerprint: Fingerprint) -> bytes:
    """The bytes of the HDF5 file."""
    accuracy, buffer = fingerprint.accuracy, io.BytesIO()
    with h5py.File(buffer, "w", libver="earliest") as file:
        file.attrs["schema"] = SCHEMA
        _put_json(file, "structure", fingerprint.structure)
        if fingerprint.weights is not None:
            _put_weights(file.create_group("weights"), fingerprint.weights)
        if fingerprint.outputs is not None:
            _put_outputs(file.create_group("outputs"), fingerprint.outputs)
        if accuracy is not None:
            group = file.create_group("accuracy")
            rates = accuracy.top1, accuracy.top5
            _put_json(group, "head", _AccuracyHead(*rates, accuracy.classes, accuracy.preprocess))
            for name in _ACCURACY:
                _put(group, name, getattr(accuracy, name))
    return buffer.getvalue()


def decode(data: bytes) -> Fingerprint:
    """The fingerprint in the bytes of an HDF5 file, whose digest the caller has verified."""
    with h5py.File(io.BytesIO(data), "r") as file:
        if (schema := file.attrs["schema"]) not in READABLE:
            raise ValueError(f"schema {schema}, this fpcheck reads {' and '.join(READABLE)}")
        structure = _get_json(file, "structure", Structure)
        tensors = [tensor for _, tensor in structure.tensors]
        return Fingerprint(
            structure=structure,
            weights=_get_weights(file["weights"], tensors) if "weights" in file else None,
            outputs=_get_outputs(file["outputs"]) if "outputs" in file else None,
            accuracy=_get_accuracy(file["accuracy"]) if "accuracy" in file else None,
        )


def _put(group: Any, name: str, values: Array) -> None:
    values = np.asarray(values)
    if values.dtype.kind in "OSU":
        group.create_dataset(name, data=values.astype(object), dtype=h5py.string_dtype())
        return
    squeeze = {"compression": "gzip", "shuffle": True} if values.size > 256 else {}
    group.create_dataset(name, data=values, track_times=False, **squeeze)


def _get_array(dataset: Any, dtype: str) -> Array:
    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    return np.asarray(dataset.asstr()[()], dtype) if is_text else np.asarray(dataset[()])


def _put_json(group: Any, name: str, value: Any) -> None:
    _put(group, name, np.frombuffer(canonical_json(value), np.uint8))


def _get_json(group: Any, name: str, kind: type[T]) -> T:
    return msgspec.json.decode(group[name][()].tobytes(), type=kind)


def _put_weights(group: Any, weights: tuple[Measurement, ...]) -> None:
    details = [m.details for m in weights if m.details is not None]
    group.attrs["statistics"] = list(Statistics.__struct_fields__)
    group.attrs["quantiles"] = QUANTILES
    group.attrs["sketch"] = sketch.RECIPE
    group.attrs["counterfactuals"] = list(COUNTERFACTUALS)
    _put(group, "digests", _rows([m.digest for m in weights]))
    _put(group, "detailed", np.array([m.details is not None for m in weights], np.uint8))
    figures = [msgspec.structs.astuple(d.statistics) for d in details]
    _put(group, "statistics", _table(figures, len(Statistics.__struct_fields__)))
    _put(group, "quantiles", _table([d.quantiles for d in details], len(QUANTILES)))
    _put(group, "sketches", _table([d.sketch for d in details], sketch.PROJECTIONS))
    profiles = [profile for d in details for profile in d.profiles]
    _put(group, "profiles", np.concatenate([np.zeros(0, np.float32), *profiles]))
    empty = bytes(DIGEST_BYTES)
    mistakes = [d.counterfactuals.get(name, empty) for d in details for name in COUNTERFACTUALS]
    shape = (len(details), len(COUNTERFACTUALS), DIGEST_BYTES)
    _put(group, "counterfactuals", _rows(mistakes).reshape(shape))


def _table(rows: Sequence[Any], width: int) -> Array:
    return np.array(rows, np.float64).reshape(-1, width)


def _rows(digests: list[bytes]) -> Array:
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES)


def _get_weights(group: Any, tensors: list[Tensor]) -> tuple[Measurement, ...]:
    arrays = {name: group[name][()] for name in group}
    names = [str(name) for name in group.attrs["counterfactuals"]]
    measurements: list[Measurement] = []
    row = offset = 0
    for place, tensor in enumerate(tensors):
        details = None
        if arrays["detailed"][place]:
            bounds = np.cumsum([offset, *(tensor.shape if len(tensor.shape) > 1 else ())])
            figures, mistakes = arrays["statistics"][row], arrays["counterfactuals"][row]
            made = zip(names, mistakes, strict=True)
            details = Details(
                statistics=Statistics(*figures[:4].astype(int).tolist(), *figures[4:].tolist()),
                quantiles=arrays["quantiles"][row],
                sketch=arrays["sketches"][row],
                profiles=tuple(arrays["profiles"][a:b] for a, b in pairwise(bounds)),
                counterfactuals={name: value.tobytes() for name, value in made if value.any()},
            )
            row, offset = row + 1, int(bounds[-1])
        measurements.append(Measurement(arrays["digests"][place].tobytes(), details))
    return tuple(measurements)


def _put_outputs(group: Any, outputs: Outputs) -> None:
    probes = outputs.probes
    head = _OutputsHead(
        recipe=outputs.recipe,
        probe_recipe=probes.recipe,
        inputs=probes.inputs,
        count=probes.count,
        given=bool(probes.arrays),
        preprocess=outputs.preprocess,
        environment=outputs.environment,
        noise=outputs.noise,
        reach=outputs.reach,
        answers=tuple(_AnswerHead(a.name, a.shape, a.squashed) for a in outputs.answers),
        activations=tuple(_ActivationHead(a.layer, a.call, a.shape) for a in outputs.activations),
        alternatives=tuple(outputs.alternatives),
        functions=tuple(outputs.functions),
    )
    _put_json(group, "head", head)
    for place, array in enumerate(probes.arrays):
        _put(group, f"probes/{place}", array)
    for place, answer in enumerate(outputs.answers):
        _put(group, f"logits/{place}", answer.logits)
        _put(group, f"final/{place}", answer.final)
    for name, items in (("sketches", outputs.answers), ("activations", outputs.activations)):
        _put(group, name, _table([item.sketch for item in items], sketch.PROJECTIONS))
    _put(group, "norms", np.array([a.norm for a in outputs.activations]))
    for number, logits in enumerate(outputs.alternatives.values()):
        for place, array in enumerate(logits):
            _put(group, f"alternatives/{number}/{place}", array)
    if outputs.functions:
        _put(group, "functions", np.stack(list(outputs.functions.values())))


def _get_outputs(group: Any) -> Outputs:
    head = _get_json(group, "head", _OutputsHead)
    specs = enumerate(head.inputs if head.given else ())
    given = tuple(_get_array(group[f"probes/{i}"], spec.dtype) for i, spec in specs)
    count = len(head.answers)
    kept = _get_each(group, "logits", count), _get_each(group, "final", count)
    answers = zip(head.answers, *kept, group["sketches"][()], strict=True)
    layers = zip(head.activations, group["norms"][()], group["activations"][()], strict=True)
    others = {name: f"alternatives/{place}" for place, name in enumerate(head.alternatives)}
    return Outputs(
        probes=Probes(head.inputs, head.count, given, head.probe_recipe),
        preprocess=head.preprocess,
        answers=tuple(
            Answer(a.name, a.shape, logits, final, a.squashed, own)
            for a, logits, final, own in answers
        ),
        activations=tuple(
            Activation(a.layer, a.call, a.shape, float(n), own) for a, n, own in layers
        ),
        environment=head.environment,
        noise=head.noise,
        reach=head.reach,
        alternatives={name: _get_each(group, place, count) for name, place in others.items()},
        functions={name: group["functions"][i] for i, name in enumerate(head.functions)},
        recipe=head.recipe,
    )


def _get_each(group: Any, name: str, count: int) -> tuple[Array, ...]:
    return tuple(group[f"{name}/{i}"][()] for i in range(count))


def _get_accuracy(group: Any) -> Accuracy:
    head = _get_json(group, "head", _AccuracyHead)
    arrays = {name: group[name][()] for name in _ACCURACY}
    return Accuracy(**arrays, **msgspec.structs.asdict(head))
