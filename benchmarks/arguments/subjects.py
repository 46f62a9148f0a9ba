"""All that is tried, by name: layers, operations, pairs of models, optimizers."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras

from benchmarks.arguments import operations, pairs, recipes, routes, sweep, values
from benchmarks.arguments.sweep import Row

PAIRS, COMPILED = "pairs", "optimizers"


def subjects() -> list[str]:
    """Names of all that is tried, the longest first, so that no core waits for the last."""
    layers = [name for name in recipes.classes() if name not in recipes.NOT_TRIED]
    first = sorted(layers, key=lambda name: "RNN" not in name and "LSTM" not in name)
    return [PAIRS, COMPILED, *first, *(f"ops.{name}" for name in operations.classes())]


def measured(name: str, most: int = values.MOST) -> list[Row]:
    """All rows of one subject."""
    warnings.filterwarnings("ignore", module="keras")
    keras.config.enable_unsafe_deserialization()  # the functions in the files are our own
    with tempfile.TemporaryDirectory(prefix="fpcheck-arguments-") as text, routes.quickly():
        return list(_rows(name, Path(text), most))


def _rows(name: str, folder: Path, most: int) -> Iterator[Row]:
    if name == PAIRS:
        for pair in pairs.pairs():
            yield from pairs.rows(pair, folder)
    elif name == COMPILED:
        yield from pairs.compiled(folder)
    elif name.startswith("ops."):
        kind = operations.classes()[name.removeprefix("ops.")]
        for row in sweep.rows(kind, operations.recipes(kind), True, folder, most):
            row.kind = name
            yield row
    else:
        kind = recipes.classes()[name]
        guessed = name not in recipes.RECIPES
        yield from sweep.rows(kind, recipes.recipes(kind), guessed, folder, most)
