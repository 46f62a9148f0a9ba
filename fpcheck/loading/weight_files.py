"""Loads weight files: by a name from which Keras sees the format, and in the order of the file.

A legacy file lists trainable tensors of a layer first, so the tensors of a layer that was frozen
when it was saved are at another place. Keras loads by order, so it would fill others, or fail.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import h5py


@contextmanager
def named(path: Path, suffix: str) -> Iterator[Path]:
    """The file under a name with this suffix, by which Keras chooses how it loads the file."""
    if path.name.endswith(suffix) and not (suffix == ".h5" and path.name.endswith(".weights.h5")):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fpcheck-") as folder:
        link = Path(folder) / f"model{suffix}"
        link.symlink_to(path)
        yield link


def load_weights_as(suffix: str, path: Path, model: Any) -> None:
    """Fill a live model from a file that Keras loads as one with this suffix."""
    order = frozen_as_saved(model, path) if suffix == ".h5" else nullcontext()
    with named(path, suffix) as file, order:
        model.load_weights(file)


@contextmanager
def frozen_as_saved(model: Any, path: Path) -> Iterator[None]:
    """A context in which layers are frozen as the names in a legacy file show that they were."""
    wanted: dict[Any, bool] = {}
    for layer, names in _listed(model, path):
        wanted |= _trained(layer, names)
    with _set(wanted):
        yield


def _listed(model: Any, path: Path) -> list[tuple[Any, list[str]]]:
    """Outermost layers and the names of tensors in the file, by order, as Keras pairs them."""
    with h5py.File(path, "r") as opened:
        root = opened if "layer_names" in opened.attrs else opened.get("model_weights", opened)
        if "layer_names" not in root.attrs:
            return []
        tops = _texts(root.attrs["layer_names"])
        every = [_texts(root[top].attrs["weight_names"]) for top in tops]
    layers = [layer for layer in model.layers if layer.weights]
    listed = [names for names in every if names]
    return list(zip(layers, listed, strict=True)) if len(layers) == len(listed) else []


def _texts(names: Any) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _trained(layer: Any, names: Sequence[str]) -> dict[Any, bool]:
    """Whether each inner layer was trained; empty if no change is needed or none helps."""
    told = [_key(name) for name in names]
    if _order(layer) == told:
        return {}
    found, place = {}, 0
    for inner in layer._flatten_layers():
        own = [_key(variable.path) for variable in inner._trainable_variables]
        if own:
            found[inner] = told[place : place + len(own)] == own
            place += len(own) if found[inner] else 0
    with _set(found):
        return found if _order(layer) == told else {}


@contextmanager
def _set(flags: Mapping[Any, bool]) -> Iterator[None]:
    before = {layer: layer.trainable for layer in flags}
    for layer, trained in flags.items():
        layer.trainable = trained
    try:
        yield
    finally:
        for layer, trained in before.items():
            layer.trainable = trained


def _order(layer: Any) -> list[tuple[str, ...]]:
    """How Keras lists the tensors of a layer in a legacy file."""
    return [_key(v.path) for v in (*layer.trainable_weights, *layer.non_trainable_weights)]


def _key(name: str) -> tuple[str, ...]:
    """The layer's name and the role: `bn1/gamma` in `inner/bn1/gamma:0`."""
    return tuple(name.partition(":")[0].split("/")[-2:])
