"""Tensors with the right values in another order."""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.detection.case import Cases, add, edit, fault
from benchmarks.detection.subject import Array, Slot, Subject

GROUP = "values in another order"
Change = Callable[[Array], Array]


def _one(wanted: Callable[[Slot], bool], change: Change, subject: Subject) -> Cases:
    for slot in subject.spread(subject.kernels(wanted)):
        yield from edit(subject, slot.layer, {slot.key: change(subject.values[slot.key])})


def _every(wanted: Callable[[Slot], bool], change: Change, subject: Subject) -> Cases:
    slots = subject.kernels(wanted)
    if len(slots) > 1:
        yield from edit(subject, "all", {s.key: change(subject.values[s.key]) for s in slots})


def _is_square(slot: Slot) -> bool:
    """Whether input and output channels of a dense layer or convolution may be exchanged."""
    plain = slot.kind in ("Dense", "Conv1D", "Conv2D", "Conv2DTranspose")
    return plain and slot.shape[-1] == slot.shape[-2]


def _is_plane(slot: Slot) -> bool:
    return slot.is_spatial and len(slot.shape) == 4 and slot.shape[0] == slot.shape[1]


def _is_spatial(slot: Slot) -> bool:
    return slot.is_spatial


def _turned(values: Array) -> Array:
    space = tuple(range(values.ndim - 2))
    return np.flip(values, space)


ORDERS: dict[str, tuple[str, str, Callable[[Slot], bool], Change]] = {
    "kernel-turned": ("kernel-flipped", "A kernel turned by 180 degrees", _is_spatial, _turned),
    "kernel-flipped-one-axis": (
        "kernel-flipped",
        "A kernel mirrored along its first space axis",
        _is_spatial,
        lambda v: v[::-1],
    ),
    "kernel-hw-transposed": (
        "kernel-transposed",
        "Height and width of a kernel exchanged",
        _is_plane,
        lambda v: v.swapaxes(0, 1),
    ),
    "kernel-io-transposed": (
        "kernel-transposed",
        "Input and output channels of a square kernel exchanged",
        _is_square,
        lambda v: v.swapaxes(-1, -2),
    ),
}
for _name, (_code, _says, _wanted, _change) in ORDERS.items():
    add(_name, GROUP, _code, _says, partial(_one, _wanted, _change))
    add(f"{_name}-all", GROUP, _code, f"{_says}, everywhere", partial(_every, _wanted, _change))


@fault("rgb-bgr", GROUP, "input-channels-reversed")
def rgb_bgr(subject: Subject) -> Cases:
    """The input channels of the first kernel reversed."""
    first = subject.kernels()[0]
    if "Conv" in first.kind and first.shape[-2] == 3:
        values = subject.values[first.key]
        yield from edit(subject, first.layer, {first.key: values[..., ::-1, :]})


def _blocks(values: Array, order: tuple[int, ...]) -> Array:
    """Equal parts of the last axis in another order."""
    parts = np.split(values, len(order), axis=-1)
    return np.concatenate([parts[place] for place in order], axis=-1)


# Keras: LSTM i, f, c, o and GRU z, r, h. Other frameworks: i, f, o, c, or i, c, f, o, and r, z, h.
GATES: dict[str, list[tuple[int, ...]]] = {
    "LSTMCell": [(0, 1, 3, 2), (0, 2, 1, 3)],
    "GRUCell": [(1, 0, 2)],
}


@fault("gates-permuted", GROUP, "axis-permuted")
def gates_permuted(subject: Subject) -> Cases:
    """The gates of a recurrent layer in the order of another framework."""
    cells = [p for p, slots in subject.layers.items() if slots[0].kind in GATES]
    for path in subject.spread(cells):
        slots = subject.layers[path]
        for order in GATES[slots[0].kind]:
            edits = {slot.key: _blocks(subject.values[slot.key], order) for slot in slots}
            yield from edit(subject, f"{path} {order}", edits)


@fault("gates-permuted-in-one-kernel", GROUP, "axis-permuted")
def gates_permuted_in_one_kernel(subject: Subject) -> Cases:
    """The gates of the recurrent kernel alone in another order."""
    for path, slots in subject.layers.items():
        if slots[0].kind in GATES:
            slot = slots[1]
            order = GATES[slot.kind][0]
            yield from edit(subject, path, {slot.key: _blocks(subject.values[slot.key], order)})


def flattened(slot: Slot) -> tuple[int, ...] | None:
    """The shape of the image that a dense layer reads flattened, channels last."""
    nodes = getattr(slot.owner, "_inbound_nodes", None)
    if slot.kind != "Dense" or not nodes:
        return None
    before = nodes[0].input_tensors[0]._keras_history.operation
    if type(before).__name__ != "Flatten" or len(before.input.shape) != 4:
        return None
    return tuple(before.input.shape[1:])


@fault("flatten-order", GROUP, "axis-permuted")
def flatten_order(subject: Subject) -> Cases:
    """Rows of a dense kernel for a flattened image with channels first."""
    for slot in subject.kernels(lambda slot: flattened(slot) is not None):
        height, width, channels = flattened(slot) or ()
        rows = np.arange(height * width * channels).reshape(height, width, channels)
        order = rows.transpose(2, 0, 1).ravel()
        yield from edit(subject, slot.layer, {slot.key: subject.values[slot.key][order]})


def _permuted(subject: Subject, slots: list[Slot], order: Array) -> dict[tuple[str, int], Array]:
    """All tensors of a layer with their last axis in another order."""
    width = len(order)
    return {
        slot.key: subject.values[slot.key][..., order] for slot in slots if slot.shape[-1] == width
    }


@fault("channels-permuted", GROUP, "axis-permuted")
def channels_permuted(subject: Subject) -> Cases:
    """The output channels of a layer, with its bias, in another order."""
    plain = [
        slots
        for slots in subject.layers.values()
        if slots[0].kind in ("Dense", "Conv2D") and slots[0].shape[-1] >= 4
        if slots[0].layer != subject.head[0].layer
    ]
    for slots in subject.spread(plain):
        order = subject.rng.permutation(slots[0].shape[-1])
        yield from edit(subject, slots[0].layer, _permuted(subject, slots, order))


@fault("classes-permuted", GROUP, "axis-permuted")
def classes_permuted(subject: Subject) -> Cases:
    """The classes of the head sorted as words: 0, 1, 10, 11, 2; or two of them exchanged."""
    slots = subject.head
    width = slots[0].shape[-1]
    orders = {"as words": np.array(sorted(range(width), key=str)), "two": np.arange(width)}
    orders["two"][:2] = orders["two"][1::-1]
    for says, order in orders.items():
        if width > 1:
            edits = _permuted(subject, slots, order)
            yield from edit(subject, f"{slots[0].layer} {says}", edits)


@fault("rows-off-by-one", GROUP, "axis-permuted")
def rows_off_by_one(subject: Subject) -> Cases:
    """An embedding whose rows are one id further down."""
    for slot in subject.kernels(lambda slot: slot.kind == "Embedding"):
        values = np.roll(subject.values[slot.key], 1, axis=0)
        yield from edit(subject, slot.layer, {slot.key: values})
