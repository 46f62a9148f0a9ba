"""Faults that only files have, and int8 models that Keras makes itself."""

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from benchmarks.detection.case import Case, Cases, NotPossibleError, fault, given
from benchmarks.detection.subject import Subject, keep_functions, rebuilt, transfer

GROUP = "files"
# Structure and weights are read from the file; no process that runs the model is started.
STATIC = {"static": True}
Damage = Callable[[h5py.File, str], None]


@contextmanager
def _damaged(subject: Subject, name: str, layer: str, damage: Damage) -> Iterator[Path]:
    """A file of the good model, damaged at one layer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if name.endswith(".weights.h5"):
            subject.model.save_weights(path)
            with h5py.File(path, "r+") as file:
                damage(file, layer)
        else:
            subject.model.save(path)
            _damage_archive(path, layer, damage)
        yield path


def _damage_archive(path: Path, layer: str, damage: Damage) -> None:
    folder = path.with_suffix(".parts")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        damage(file, layer)
    with zipfile.ZipFile(path, "w") as archive:
        for part in sorted(folder.rglob("*")):
            archive.write(part, part.relative_to(folder))
    shutil.rmtree(folder)


def _group(file: h5py.File, layer: str) -> Any:
    """The variables of a layer of the outermost model."""
    for group in file["layers"].values():
        if "vars" in group and group["vars"].attrs.get("name", group.attrs.get("name")) == layer:
            return group["vars"]
    raise NotPossibleError(layer)


def _emptied(file: h5py.File, layer: str) -> None:
    group = _group(file, layer)
    for key in list(group):
        del group[key]


def _without_last(file: h5py.File, layer: str) -> None:
    group = _group(file, layer)
    if len(group) < 2:
        raise NotPossibleError(layer)
    del group[max(group)]


def _half_zero(file: h5py.File, layer: str) -> None:
    dataset = _group(file, layer)["0"]
    values = np.asarray(dataset[()])
    values.reshape(-1)[values.size // 2 :] = 0
    dataset[...] = values


def _averages_beside(file: h5py.File, layer: str) -> None:
    """The layer's values as the optimizer keeps averages, and others in the layer."""
    averages = file.require_group("optimizer/vars")
    for dataset in _group(file, layer).values():
        values = np.asarray(dataset[()])
        averages[str(len(averages))] = values
        dataset[...] = values + np.linspace(0.01, 0.02, values.size).reshape(values.shape)


def _outermost(subject: Subject) -> list[str]:
    names = {layer.name for layer in subject.model.layers}
    return [p for p, slots in subject.layers.items() if p in names and slots[0].is_kernel]


def _in_files(damage: Damage, subject: Subject) -> Cases:
    for name in ("damaged.weights.h5", "damaged.keras"):
        for layer in subject.spread(_outermost(subject))[:2]:
            candidate = partial(_damaged, subject, name, layer, damage)
            yield Case(f"{layer} in {name}", candidate, (layer,), options=STATIC)


@fault("group-deleted", GROUP, "tensors-missing refused")
def group_deleted(subject: Subject) -> Cases:
    """A file without the tensors of one layer."""
    yield from _in_files(_emptied, subject)


@fault("tensor-deleted", GROUP, "tensors-missing refused")
def tensor_deleted(subject: Subject) -> Cases:
    """A file without the last tensor of one layer."""
    yield from _in_files(_without_last, subject)


@fault("half-lost", GROUP, "zeroed")
def half_lost(subject: Subject) -> Cases:
    """A file in which the second half of a tensor is zero."""
    yield from _in_files(_half_zero, subject)


@fault("averages-left-out", GROUP, "weights-elsewhere")
def averages_left_out(subject: Subject) -> Cases:
    """A file whose optimizer holds the good values (use_ema), not put into the model."""
    yield from _in_files(_averages_beside, subject)


@fault("keras-int8", GROUP, "quantized")
def keras_int8(subject: Subject) -> Cases:
    """`model.quantize("int8")`: other dtypes, and scales beside the kernels."""

    def make() -> keras.Model:
        model = rebuilt(subject.model)
        transfer(subject.model, model)
        keep_functions(subject.model, model)
        try:
            model.quantize("int8")
        except ValueError as error:  # it holds a layer that Keras cannot quantise
            raise NotPossibleError(str(error)) from error
        if not any(getattr(layer, "quantization_mode", None) for layer in model.layers):
            raise NotPossibleError("no layer that Keras quantises")
        return model

    yield Case("all", given(make))
