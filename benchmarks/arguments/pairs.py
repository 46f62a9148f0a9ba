"""Pairs of models that differ in what no single argument says: state, vocabularies, policies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.arguments import making
from benchmarks.arguments.given import IDS, STEPS, TEXT, VECTOR, WORD, Given, Recipe
from benchmarks.arguments.routes import Meeting
from benchmarks.arguments.sweep import Row, kept
from fpcheck.model.execution import unchanged

Models = tuple[Any, Any]


@dataclass(frozen=True)
class Pair:
    """Two models of the same inputs.

    Attributes:
        kind: the class that is concerned.
        label: what differs.
        key: the words by which a finding may name it.
        models: makes both.
        inputs: of both.
    """

    kind: str
    label: str
    key: str
    models: Callable[[], Models]
    inputs: tuple[Given, ...]


def rows(pair: Pair, folder: Path) -> Iterator[Row]:
    """What is said of the second model, and of the first itself, by the golden of the first."""
    first, second = pair.models()
    arrays = making.inputs_of(pair.inputs)
    with unchanged(first), unchanged(second):
        old, new = making.outputs(first, arrays), making.outputs(second, arrays)
    meeting = Meeting(first, folder)
    itself = Row("pairs", f"{pair.kind} {pair.label}", "", "", "", 0.0)
    itself.said = meeting.said(first)
    # A file does not hold the state that a model carries, so what Keras loads from it is another.
    itself.kept = tuple(
        r for r in itself.said if itself.wrong(r) and not meeting.kept(r, arrays, old)
    )
    yield itself
    row = Row(pair.kind, pair.label, pair.key, "first", "second", making.difference(old, new))
    row.said = meeting.said(second)
    if row.matters:
        row.kept = kept(row, meeting, arrays, old)
    yield row


def pairs() -> Iterator[Pair]:
    """All of them."""
    yield from _stateful()
    yield from _adapted()
    yield from _policies()
    yield from _constants()


def compiled(folder: Path) -> Iterator[Row]:
    """A model with every optimizer of Keras, built, against the one without: nothing is found."""
    recipe = Recipe({"units": 3}, (VECTOR,))

    def dense() -> Any:
        model = making.model_of(recipe.made(layers.Dense), recipe)
        making.fill(model)
        return model

    meeting = Meeting(dense(), folder)
    kinds = {k.__name__: k for k in vars(keras.optimizers).values() if isinstance(k, type)}
    for name, kind in sorted(kinds.items()):
        try:
            given = [keras.optimizers.SGD()] if name == "LossScaleOptimizer" else []
            optimizer = kind(*given, use_ema=not given)
        except Exception:  # the abstract one
            continue
        model = dense()
        model.compile(optimizer, loss="mse")
        optimizer.build(model.trainable_variables)
        row = Row("optimizers", name, "optimizer", "none", name, 0.0)
        row.said = meeting.said(model)
        yield row


def _stateful() -> Iterator[Pair]:
    """A recurrent model in use, and the same one reset."""

    def used(kind: Any, more: dict[str, Any]) -> Models:
        def made() -> Any:
            x = keras.Input(batch_shape=(3, *STEPS.shape), name="x0")
            model = making.weighted([x], kind(**more, stateful=True, name="layer")(x))
            making.fill(model)
            return model

        first, second = made(), made()
        first([np.ones((3, *STEPS.shape), "float32"), np.ones((3, 2), "float32")])
        return first, second

    cell = {"cell": layers.GRUCell(3, name="inner")}
    for kind, more in (
        (layers.LSTM, {"units": 3}),
        (layers.GRU, {"units": 3}),
        (layers.SimpleRNN, {"units": 3}),
        (layers.RNN, cell),
    ):
        for label, turned in (("in use, then reset", False), ("reset, then in use", True)):

            def models(kind: Any = kind, more: Any = more, turned: bool = turned) -> Models:
                first, second = used(kind, more)
                return (second, first) if turned else (first, second)

            yield Pair(kind.__name__, label, "state", models, (STEPS,))


def _adapted() -> Iterator[Pair]:
    """Preprocessing layers that were adapted to other data."""
    numbers = np.random.default_rng(1).normal(size=(20, 6)).astype("float32")
    ids = np.array([1, 2, 2, 3, 3, 3, 4])
    words, text = np.array(["tea", "tea", "salt"]), np.array(["tea salt tea", "salt rice"])
    less = {"lookup": np.array(["rice", "salt", "salt"]), "text": np.array(["egg salt", "egg tea"])}
    makers: list[tuple[str, Any, Any, Any, Given, str]] = [
        (
            "Normalization",
            lambda: layers.Normalization(name="layer"),
            numbers,
            2 * numbers + 1,
            VECTOR,
            "mean",
        ),
        (
            "Normalization of all",
            lambda: layers.Normalization(axis=None, name="layer"),
            numbers,
            2 * numbers + 1,
            VECTOR,
            "mean",
        ),
        (
            "Discretization",
            lambda: layers.Discretization(num_bins=4, name="layer"),
            numbers,
            numbers + 1,
            VECTOR,
            "bin_boundaries",
        ),
        (
            "IntegerLookup",
            lambda: layers.IntegerLookup(name="layer"),
            ids,
            ids[::-1] + 2,
            IDS,
            "vocabulary",
        ),
        (
            "StringLookup",
            lambda: layers.StringLookup(name="layer"),
            words,
            less["lookup"],
            WORD,
            "vocabulary",
        ),
        (
            "StringLookup tf_idf",
            lambda: layers.StringLookup(output_mode="tf_idf", name="layer"),
            words[None],
            less["lookup"][None],
            WORD,
            "vocabulary",
        ),
        (
            "TextVectorization",
            lambda: layers.TextVectorization(name="layer"),
            text,
            less["text"],
            TEXT,
            "vocabulary",
        ),
        (
            "TextVectorization tf_idf",
            lambda: layers.TextVectorization(output_mode="tf_idf", name="layer"),
            text,
            less["text"],
            TEXT,
            "vocabulary",
        ),
        (
            "TextVectorization weights",
            lambda: layers.TextVectorization(output_mode="tf_idf", name="layer"),
            text,
            np.array(["tea salt tea", "salt rice tea"]),
            TEXT,
            "idf_weights",
        ),
    ]
    for name, made, first, second, given, key in makers:

        def models(
            made: Any = made, first: Any = first, second: Any = second, given: Given = given
        ) -> Models:
            found = []
            for data in (first, second):
                layer = made()
                layer.adapt(data)
                found.append(making.model_of(layer, Recipe({}, (given,))))
            return found[0], found[1]

        yield Pair(name.split()[0], f"adapted {name}", key, models, (given,))
    yield Pair("Normalization", "adapted beside untold", "mean", _beside, (VECTOR, WORD, VECTOR))


def _beside() -> Models:
    """Two layers that a file does not tell, beside one that differs."""
    found = []
    for scale in (1.0, 2.0):
        x, words, y = (
            keras.Input(given.shape, dtype=given.dtype, name=f"x{place}")
            for place, given in enumerate((VECTOR, WORD, VECTOR))
        )
        adapted = layers.Normalization(name="adapted")
        adapted.adapt(scale * np.random.default_rng(1).normal(size=(20, 6)))
        looked = layers.StringLookup(vocabulary=["tea", "salt"], output_mode="count", name="words")
        scalar = layers.Normalization(mean=1.0, variance=2.0, name="scalar")
        joined = layers.Concatenate(name="join")([adapted(x), looked(words), scalar(y)])
        found.append(making.weighted([x, words, y], joined))
    return found[0], found[1]


def _policies() -> Iterator[Pair]:
    """One map of policies on several layers, which names another of them."""

    def mapped(*lower: str) -> Any:
        low = keras.DTypePolicy("mixed_bfloat16")
        policy = keras.dtype_policies.DTypePolicyMap("float32", dict.fromkeys(lower, low))
        x = keras.Input(VECTOR.shape, name="x0")
        first = layers.Dense(4, activation="relu", dtype=policy, name="d1")
        last = layers.Dense(4, dtype=policy, name="d2")
        model = making.weighted([x], last(first(x)))
        making.fill(model)
        return model

    def attending(*lower: str) -> Any:
        low = keras.DTypePolicy("mixed_bfloat16")
        policy = keras.dtype_policies.DTypePolicyMap("float32", dict.fromkeys(lower, low))
        x = keras.Input(STEPS.shape, name="x0")
        layer = layers.MultiHeadAttention(2, 3, dtype=policy, name="layer")
        model = making.weighted([x], layer(x, x))
        making.fill(model)
        return model

    for made, names in ((mapped, ("d1", "d2")), (attending, ("layer/query", "layer/value"))):
        kind = "Dense" if made is mapped else "MultiHeadAttention"
        first, second = names
        yield Pair(
            kind,
            "map names another",
            "dtype",
            partial(_both, made, (first,), (second,)),
            (VECTOR if made is mapped else STEPS,),
        )
        yield Pair(
            kind,
            "map names both",
            "dtype",
            partial(_both, made, (first,), names),
            (VECTOR if made is mapped else STEPS,),
        )


def _both(made: Callable[..., Any], first: tuple[str, ...], second: tuple[str, ...]) -> Any:
    return made(*first), made(*second)


def _constants() -> Iterator[Pair]:
    """Numbers, arrays, slices and masks that a graph holds beside its layers."""
    from keras import ops

    rng = np.random.default_rng(2)
    long = rng.normal(size=(4, 40)).astype("float32")
    changes: dict[str, tuple[Any, Any, Given]] = {
        "number": (lambda x: x * 2.0, lambda x: x * 2.5, STEPS),
        "order": (lambda x: x - 2.0, lambda x: 2.0 - x, STEPS),
        "array": (
            lambda x: x + np.array([1.0, 2, 3, 4], "float32"),
            lambda x: x + np.array([1.0, 2, 3, 5], "float32"),
            STEPS,
        ),
        "long array": (lambda x: ops.matmul(x, long), lambda x: ops.matmul(x, -long), STEPS),
        "slice": (lambda x: x[:, 1:], lambda x: x[:, :-1], STEPS),
        "step": (lambda x: x[:, ::2], lambda x: x[:, ::-2], STEPS),
        "place": (lambda x: x[:, 0], lambda x: x[:, 1], STEPS),
        "new axis": (lambda x: x[:, None], lambda x: x[:, :, None], Given((4, 4))),
        "where": (
            lambda x: ops.where(x > 0.0, x, 0.0),
            lambda x: ops.where(x < 0.0, x, 0.0),
            STEPS,
        ),
        "axis": (lambda x: ops.sum(x, axis=1), lambda x: ops.sum(x, axis=2), Given((4, 4))),
        "axis of output": (
            lambda x: ops.expand_dims(x, -1),
            lambda x: ops.expand_dims(x, 2),
            Given((4, 4)),
        ),
        "stacked": (
            lambda x: ops.stack([x, 2 * x], -1),
            lambda x: ops.stack([x, 2 * x], 2),
            Given((4, 4)),
        ),
        "mask": (
            lambda x: layers.Softmax(name="layer")(x, mask=x > 0.0),
            lambda x: layers.Softmax(name="layer")(x, mask=x > 1.0),
            STEPS,
        ),
        "mask of attention": (
            lambda x: layers.Attention(name="layer")([x, x], mask=[None, x[:, :, 0] > 0.0]),
            lambda x: layers.Attention(name="layer")([x, x], mask=[x[:, :, 0] > 0.0, None]),
            STEPS,
        ),
        "initial state": (
            lambda x: layers.GRU(4, name="layer")(x, initial_state=x[:, 0]),
            lambda x: layers.GRU(4, name="layer")(x, initial_state=x[:, 1]),
            STEPS,
        ),
        "states exchanged": (
            lambda x: layers.LSTM(4, name="layer")(x, initial_state=[x[:, 0], x[:, 1]]),
            lambda x: layers.LSTM(4, name="layer")(x, initial_state=[x[:, 1], x[:, 0]]),
            STEPS,
        ),
    }
    for label, (first, second, given) in changes.items():

        def models(first: Any = first, second: Any = second, given: Given = given) -> Models:
            found = []
            for function in (first, second):
                keras.backend.clear_session()
                x = keras.Input(given.shape, name="x0")
                model = making.weighted([x], function(x))
                making.fill(model)
                found.append(model)
            return found[0], found[1]

        yield Pair("graph", label, "graph", models, (given,))
