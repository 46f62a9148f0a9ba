"""The operations that a functional model records as nodes, made and called as layers are."""

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.arguments.given import Call, Given, Recipe, each
from fpcheck.loading.keras2_models import own_operations

SQUARE, LINE, PICTURE = Given((4, 4)), Given((6,)), Given((6, 6, 4))
NUMBERS, FLAGS = Given((4,), "ids"), Given((4, 4), "mask")
# Tried in this order, as many of them as the operation takes.
INPUTS = [SQUARE, PICTURE, LINE, Given((6, 6, 3)), Given((5, 4)), Given((8,)), NUMBERS, FLAGS]
# For every argument without a default: the first that works.
ARGUMENTS: dict[str, list[Any]] = {
    "axis": [-1, 1], "axes": [[1], [1, 2]], "axis1": [1], "axis2": [2], "block_size": [2],
    "default_value": [0.3], "destination": [2], "dtype": ["float16", "int32"],
    "fft_length": [8], "indices_or_sections": [2], "k": [2], "kernel_size": [2], "kth": [1],
    "max_val": [3.0], "newshape": [[-1, 2]], "num_classes": [10], "order": [1],
    "output_size": [[6, 6], 2, [2, 3]], "pad_width": [[[0, 0], [1, 1], [1, 2]], [[0, 0], [1, 2]]],
    "pool_size": [2], "repeats": [2, [1, 2, 1]], "sequence_length": [4], "sequence_stride": [2],
    "shape": [[3, 4, 4], [3, 2]], "shift": [1], "size": [[3, 3], 2], "source": [1],
    "subscripts": ["abc,acd->abd", "abc->acb"], "threshold": [0.5], "x_min": [-0.5],
    "x_max": [0.5], "num": [4],
}  # fmt: skip


def _with(*shapes: tuple[int, ...]) -> Call:
    """A call on a tensor and on constants of these shapes."""
    rng = np.random.default_rng(3)
    constants = [rng.uniform(0.5, 1.5, shape).astype("float32") for shape in shapes]
    return lambda operation, tensors, **_: operation(tensors[0], *constants)


LAST = {"data_format": "channels_last"}
RECIPES: dict[str, Recipe] = {
    "AdaptiveAveragePool": Recipe({"output_size": [2, 3], **LAST}, (PICTURE,)),
    "AdaptiveMaxPool": Recipe({"output_size": [2, 3], **LAST}, (PICTURE,)),
    "AffineTransform": Recipe({}, (PICTURE, Given((8,))), each),
    "BatchNorm": Recipe({"axis": -1, "epsilon": 0.1}, (SQUARE,), _with(*[(4,)] * 4)),
    "Conv": Recipe({"padding": "same", **LAST}, (PICTURE,), _with((2, 2, 4, 3))),
    "CropImages": Recipe({"top_cropping": 1, "left_cropping": 1, "target_height": 3,
                          "target_width": 3, **LAST}, (PICTURE,)),
    "Cross": Recipe({}, (Given((4, 3)), Given((4, 3))), each),
    "DepthwiseConv": Recipe({**LAST}, (PICTURE,), _with((2, 2, 4, 2))),
    "ElasticTransform": Recipe({"seed": 3, "alpha": 3.0, **LAST}, (PICTURE,)),
    "Fold": Recipe({"output_size": [4, 4], "kernel_size": 2}, (Given((8, 9)),)),
    "LayerNorm": Recipe({"axis": -1, "epsilon": 0.1}, (SQUARE,), _with((4,), (4,))),
    "MultiHot": Recipe({"num_classes": 10}, (NUMBERS,)),
    "PadImages": Recipe({"top_padding": 1, "left_padding": 1, "target_height": 8,
                         "target_width": 8, **LAST}, (PICTURE,)),
    "PerspectiveTransform": Recipe({}, (PICTURE, Given((4, 2)), Given((4, 2))), each),
    "RMSNorm": Recipe({"axis": -1, "epsilon": 0.1}, (SQUARE,), _with((4,))),
    "SeparableConv": Recipe({**LAST}, (PICTURE,), _with((2, 2, 4, 2), (1, 1, 8, 3))),
    "Slice": Recipe({"shape": [3, 2, 2]}, (SQUARE,), lambda op, xs, **_: op(xs[0], [0, 1, 1])),
    "SparseCategoricalCrossentropy": Recipe({}, (NUMBERS, Given((4, 10))), each),
    "Split": Recipe({"indices_or_sections": 2, "axis": 1}, (SQUARE,)),
    "SSIM": Recipe({"filter_size": 3, **LAST}, (PICTURE, PICTURE), each),
    "Stack": Recipe({}, (SQUARE,), lambda op, xs, **_: op([xs[0], 2 * xs[0]])),
    "TakeAlongAxis": Recipe({"axis": 1}, (Given((10, 4)), Given((3, 4), "ids")), each),
    "Unstack": Recipe({"axis": 1}, (SQUARE,)),
}  # fmt: skip


def classes() -> dict[str, type]:
    """Every operation of Keras whose arguments can be other than they are."""
    return {
        name: kind
        for name, kind in sorted(own_operations().items())
        if kind.__name__ == name
        and {*inspect.signature(kind).parameters} - {"name", "args", "kwargs"}
    }


def recipes(kind: Any) -> Iterator[Recipe]:
    """Guesses; the first that works will do."""
    if kind.__name__ in RECIPES:
        yield RECIPES[kind.__name__]
        return
    lacking = [
        p.name
        for p in inspect.signature(kind).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    options = [ARGUMENTS.get(name, [2]) for name in lacking]
    takes = [
        p for p in inspect.signature(kind.call).parameters.values()
        if p.default is p.empty and p.name != "self"
    ]  # fmt: skip
    count = 2 if any(p.kind is p.VAR_POSITIONAL for p in takes) else len(takes)
    for arguments in _products(options):
        given = dict(zip(lacking, arguments, strict=True))
        for inputs in _inputs(count):
            yield Recipe(given, inputs, _listed if takes[0].name == "xs" else each)


def _listed(operation: Any, tensors: list[Any], **_: Any) -> Any:
    return operation([*tensors, *tensors])


def _products(options: list[list[Any]]) -> Iterator[list[Any]]:
    """Of each option the first, the second ...: not every combination."""
    for place in range(max([len(option) for option in options], default=1)):
        yield [option[min(place, len(option) - 1)] for option in options]


def _inputs(count: int) -> Iterator[tuple[Given, ...]]:
    for first in INPUTS:
        yield (first,) * count
    if count == 2:
        for second in (NUMBERS, LINE):
            yield SQUARE, second
            yield second, SQUARE
        yield PICTURE, Given((2, 2, 4))
