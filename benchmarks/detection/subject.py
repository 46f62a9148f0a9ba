"""A good model as faults see it: its layers and tensors by path, and how to edit it and undo it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import keras
import numpy as np

from benchmarks.detection.models import SEED, Spec
from fpcheck.model.live_graph import own_variables, walk

Array = np.ndarray[Any, Any]
Item = TypeVar("Item")
# New values of tensors, by layer and place in it.
Edits = Mapping[tuple[str, int], Array]


@dataclass(frozen=True)
class Slot:
    """One tensor: whose it is, its place there, its role, and the live variable."""

    layer: str
    index: int
    owner: Any
    variable: Any

    @property
    def key(self) -> tuple[str, int]:
        return self.layer, self.index

    @property
    def role(self) -> str:
        return str(self.variable.name)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.variable.shape)

    @property
    def kind(self) -> str:
        """The class of the layer."""
        return type(self.owner).__name__

    @property
    def is_kernel(self) -> bool:
        """Whether it is a matrix of weights: what BatchNormalization, biases and slopes are not."""
        matrix = len(self.shape) >= 2 and "float" in str(self.variable.dtype)
        return matrix and self.role != "bias" and self.kind != "PReLU"

    @property
    def is_spatial(self) -> bool:
        """Whether the first axes are space: a convolution over more than one pixel."""
        return "Conv" in self.kind and len(self.shape) >= 3 and max(self.shape[:-2]) > 1


def slots_of(model: keras.Model) -> list[Slot]:
    """Every tensor that weight files hold, in the model's order."""
    return [
        Slot(place.path, index, place.layer, variable)
        for place in walk(model)
        for index, variable in enumerate(own_variables(place.layer))
    ]


class Subject:
    """A good model in memory; whatever is done to it is undone.

    Args:
        name: of the model, and of its golden.
        spec: how it is built.
    """

    def __init__(self, name: str, spec: Spec) -> None:
        self.name = name
        self.spec = spec
        keras.backend.clear_session()  # so that names do not count what was built before
        self.model = spec.build()
        self.slots = slots_of(self.model)
        self.values = {slot.key: np.asarray(slot.variable) for slot in self.slots}

    @property
    def rng(self) -> np.random.Generator:
        """The same random numbers for each fault, whichever others are made."""
        return np.random.default_rng(SEED + 1)

    @cached_property
    def fresh(self) -> dict[tuple[str, int], Array]:
        """What each layer's own initializers give."""
        keras.utils.set_random_seed(SEED)
        return {s.key: np.asarray(s.variable) for s in slots_of(rebuilt(self.model))}

    @cached_property
    def layers(self) -> dict[str, list[Slot]]:
        """Layers with tensors of their own, in the model's order."""
        found: dict[str, list[Slot]] = {}
        for slot in self.slots:
            found.setdefault(slot.layer, []).append(slot)
        return found

    @cached_property
    def head(self) -> list[Slot]:
        """The last layer with a kernel: its kernel, then its bias where it has one."""
        return next(s for s in reversed(self.layers.values()) if s[0].is_kernel)

    def spread(self, items: Sequence[Item]) -> list[Item]:
        """The first, a middle and the last; a middle one alone of a large model."""
        count = min(self.spec.places, len(items))
        if count <= 1:
            return [items[len(items) // 2]] if count else []
        return [items[int(place)] for place in np.linspace(0, len(items) - 1, count).round()]

    def kernels(self, wanted: Callable[[Slot], bool] = lambda _: True) -> list[Slot]:
        return [slot for slot in self.slots if slot.is_kernel and wanted(slot)]

    def norms(self) -> dict[str, dict[str, Slot]]:
        """BatchNormalization layers: their tensors by role."""
        return {
            path: {slot.role: slot for slot in slots}
            for path, slots in self.layers.items()
            if slots[0].kind == "BatchNormalization"
        }

    @contextmanager
    def edited(self, edits: Edits) -> Iterator[keras.Model]:
        """The model with other values, until the block ends."""
        changed = [slot for slot in self.slots if slot.key in edits]
        try:
            for slot in changed:
                slot.variable.assign(edits[slot.key])
            yield self.model
        finally:
            for slot in changed:
                slot.variable.assign(self.values[slot.key])

    def real_edits(self, edits: Edits) -> dict[tuple[str, int], Array]:
        """Those that change at least one bit."""
        return {
            key: values
            for key, values in edits.items()
            if np.asarray(values, self.values[key].dtype).tobytes() != self.values[key].tobytes()
        }


def rebuilt(model: keras.Model, config: dict[str, Any] | None = None) -> keras.Model:
    """A model of the same class from its configuration, with fresh weights."""
    copy = type(model).from_config(config or model.get_config())
    if not copy.built:
        copy.build(model.input_shape)
    return copy


def transfer(source: keras.Model, target: keras.Model) -> None:
    """Copy every tensor that has a place of the same name and shape; derive what follows."""
    held = {slot.key: slot.variable for slot in slots_of(source)}
    for slot in slots_of(target):
        value = held.get(slot.key)
        if value is not None and tuple(value.shape) == slot.shape:
            slot.variable.assign(value)
    for place in walk(target):
        if isinstance(place.layer, keras.layers.Normalization):
            place.layer.finalize_state()


def keep_functions(source: keras.Model, target: keras.Model) -> None:
    """Give layers of the outermost model back a user's functions that configurations only name."""
    own = {layer.name: layer for layer in source.layers}
    for layer in target.layers:
        kept = getattr(own.get(layer.name), "activation", None)
        if kept is not None and kept.__name__ == getattr(layer.activation, "__name__", None):
            layer.activation = kept
