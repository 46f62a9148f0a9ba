"""How each layer of Keras is made and what it is given.

The classes come from Keras. One that has no recipe here is tried with arguments and inputs that do
for most layers, so that a layer of a newer Keras takes part without an edit.
"""

import inspect
from collections.abc import Iterator
from typing import Any

from keras import layers

from benchmarks.arguments.given import (
    CUBE,
    FILMS,
    IDS,
    IMAGE,
    PLANE,
    SPACE,
    STEPS,
    TEXT,
    VECTOR,
    WORD,
    Given,
    Recipe,
    each,
)


def _cell(layer: Any, tensors: list[Any]) -> Any:
    return layer(tensors[0], tensors[1:])


ODD = {1: (2,), 2: (2, 3), 3: (2, 1, 3)}


def _dense() -> Any:
    return layers.Dense(4, name="inner")


def _lstm(name: str = "inner") -> Any:
    return layers.LSTM(3, return_sequences=True, name=name)


def _cells() -> list[Any]:
    return [layers.GRUCell(3, name="first"), layers.LSTMCell(2, name="second")]


def _spatial(count: int) -> dict[str, list[Recipe]]:
    """Layers that come for one, two and three dimensions."""
    here = (SPACE[count],)
    convolution = {"filters": 4, "kernel_size": ODD[count]}
    pool = {"pool_size": ODD[count]}
    strided = {**convolution, "strides": 2, "padding": "same"}
    film = Recipe({"filters": 2, "kernel_size": ODD[count]}, (FILMS[count],))
    masked = Recipe(
        {"filters": 2, "kernel_size": 1, "return_sequences": True},
        (FILMS[count],),
        masked=True,
        label="masked",
    )
    grouped = {**strided, "groups": 2}
    names = {
        "Conv": [Recipe(convolution, here), Recipe(grouped, here, label="grouped")],
        "ConvTranspose": [Recipe(convolution, here), Recipe(strided, here, label="strided")],
        "DepthwiseConv": [Recipe({"kernel_size": ODD[count], "depth_multiplier": 2}, here)],
        "SeparableConv": [Recipe({**convolution, "depth_multiplier": 2}, here)],
        "ConvLSTM": [film, masked],
        "MaxPooling": [Recipe(pool, here), Recipe({**pool, "strides": 1}, here, label="strided")],
        "AveragePooling": [
            Recipe(pool, here),
            Recipe({**pool, "padding": "same"}, here, label="same"),
        ],
        "AdaptiveAveragePooling": [Recipe({"output_size": ODD[count]}, here)],
        "AdaptiveMaxPooling": [Recipe({"output_size": ODD[count]}, here)],
        "GlobalAveragePooling": [
            Recipe({}, here),
            *([Recipe({}, here, masked=True, label="masked")] if count == 1 else []),
        ],
        "GlobalMaxPooling": [Recipe({}, here)],
        "UpSampling": [Recipe({"size": 2}, here)],
        "ZeroPadding": [Recipe({}, here)],
        "Cropping": [Recipe({"cropping": 1}, here)],
        "SpatialDropout": [Recipe({"rate": 0.3}, here)],
    }
    return {
        (f"Conv{count}DTranspose" if name == "ConvTranspose" else f"{name}{count}D"): recipes
        for name, recipes in names.items()
        if count < 3 or name not in ("DepthwiseConv", "SeparableConv")
    }


def _recurrent(**more: Any) -> list[Recipe]:
    return [
        Recipe({"units": 3, **more}, (STEPS,)),
        Recipe(
            {"units": 3, "return_sequences": True, **more}, (STEPS,), masked=True, label="masked"
        ),
        Recipe({"units": 3, "return_state": True, **more}, (STEPS,), label="states"),
    ]


def _lookups(known: list[Any], given: Given, oov: Any, mask: Any) -> list[Recipe]:
    """A lookup with its words in each way of counting them."""
    words = {"vocabulary": known}
    many = {**words, "output_mode": "multi_hot", "max_tokens": 12}
    weighed = {**words, "idf_weights": [0.3 * (n + 1) for n in range(len(known))]}
    return [
        Recipe(words, (given,)),
        Recipe({**words, "num_oov_indices": 3, "mask_token": mask}, (given,), label="masked"),
        Recipe({**many, "pad_to_max_tokens": True}, (given,), label="padded"),
        Recipe({**words, "output_mode": "count"}, (given,), label="count"),
        Recipe({**weighed, "output_mode": "tf_idf"}, (given,), label="tf_idf"),
        Recipe({**words, "output_mode": "one_hot"}, (Given((1,), given.kind),), label="one_hot"),
        Recipe({**words, "invert": True, "oov_token": oov}, (IDS,), label="inverted"),
    ]


PAIR = (Given((4, 3)), Given((4, 3)))
QUERY = (Given((4, 6)), Given((5, 6)))
_ATTENTION = Recipe({}, QUERY), Recipe({}, (*QUERY, Given((5, 6))), label="keys")
_HEADS = {"num_heads": 2, "key_dim": 3}
_GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}

RECIPES: dict[str, list[Recipe]] = {
    **_spatial(1),
    **_spatial(2),
    **_spatial(3),
    **{
        name: [Recipe({}, PAIR)]
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    },
    "Activation": [Recipe({"activation": "relu"})],
    "AdditiveAttention": list(_ATTENTION),
    "Attention": [
        *_ATTENTION,
        Recipe({"score_mode": "concat"}, QUERY, label="concat"),
        Recipe({"use_scale": True}, QUERY, label="scaled"),
    ],
    "AlphaDropout": [Recipe({"rate": 0.3})],
    "BatchNormalization": [
        Recipe({}, (PLANE,)),
        Recipe({"renorm": True}, label="renorm"),
        Recipe({}, (Given((5, 5)),), masked=True, label="masked"),
    ],
    "Bidirectional": [
        Recipe({"layer": _lstm}, (STEPS,)),
        Recipe({"layer": _lstm}, (STEPS,), masked=True, label="masked"),
        Recipe(
            {
                "layer": _lstm,
                "merge_mode": "sum",
                "backward_layer": lambda: layers.GRU(
                    3, return_sequences=True, go_backwards=True, name="back"
                ),
            },
            (STEPS,),
            label="backward",
        ),
    ],
    "CategoryEncoding": [
        Recipe({"num_tokens": 10}, (IDS,)),
        Recipe({"num_tokens": 10, "output_mode": "count"}, (IDS,), label="count"),
    ],
    "CenterCrop": [
        Recipe({"height": 5, "width": 4}, (IMAGE,)),
        Recipe({"height": 10, "width": 12}, (IMAGE,), label="larger"),
    ],
    "Dense": [
        Recipe({"units": 6}),
        Recipe({"units": 3, "activation": "gelu"}, (STEPS,), label="steps"),
    ],
    "Discretization": [
        Recipe({"bin_boundaries": [-2.0, 0.0, 1.5]}),
        Recipe({"bin_boundaries": [-2.0, 0.0, 1.5], "output_mode": "count"}, label="count"),
    ],
    "Dot": [Recipe({"axes": 1}, PAIR), Recipe({"axes": -1}, PAIR, label="last")],
    "Dropout": [Recipe({"rate": 0.3})],
    "EinsumDense": [
        Recipe(
            {
                "equation": "abc,cd->abd",
                "output_shape": (None, 3),
                "bias_axes": "d",
                "activation": "relu",
            },
            (STEPS,),
        )
    ],
    "Embedding": [
        Recipe({"input_dim": 10, "output_dim": 3}, (IDS,)),
        Recipe(
            {"input_dim": 10, "output_dim": 3, "mask_zero": True},
            (IDS,),
            lambda layer, xs: layers.LSTM(2, name="after")(layer(xs[0])),
            label="masking",
        ),
    ],
    # By itself Keras cannot put it into a functional model.
    "Equalization": [
        Recipe({}, (IMAGE,), lambda layer, xs: layers.Pipeline([layer], name="around")(xs[0]))
    ],
    "ContrastLimitedAdaptiveHistogramEqualization": [
        Recipe({"tile_grid_size": (2, 2)}, (Given((8, 8, 3), "image"),))
    ],
    "Flatten": [Recipe({}, (STEPS,)), Recipe({}, (PLANE,), label="plane")],
    "GRU": [
        *_recurrent(),
        Recipe({"units": 3, "reset_after": False, "use_bias": False}, (STEPS,), label="before"),
    ],
    "GRUCell": [Recipe({"units": 3}, (VECTOR, Given((3,))), _cell)],
    "LSTM": _recurrent(),
    "SimpleRNN": _recurrent(),
    "LSTMCell": [Recipe({"units": 3}, (VECTOR, Given((3,)), Given((3,))), _cell)],
    "SimpleRNNCell": [Recipe({"units": 3}, (VECTOR, Given((3,))), _cell)],
    "GaussianDropout": [Recipe({"rate": 0.3})],
    "GaussianNoise": [Recipe({"stddev": 0.3})],
    "GroupNormalization": [Recipe({"groups": 2}), Recipe({"groups": 2}, (PLANE,), label="plane")],
    "GroupedQueryAttention": [
        Recipe(_GROUPS, QUERY, each),
        Recipe({**_GROUPS, "use_gate": True}, QUERY, each, label="gate"),
    ],
    "MultiHeadAttention": [
        Recipe(_HEADS, QUERY, each),
        Recipe({**_HEADS, "value_dim": 4, "output_shape": 5}, QUERY, each, label="shaped"),
        Recipe(
            {**_HEADS, "attention_axes": (1,)},
            (Given((3, 4, 6)), Given((3, 4, 6))),
            each,
            label="axes",
        ),
    ],
    "HashedCrossing": [
        Recipe({"num_bins": 7}, (Given((1,), "words"), Given((1,), "words"))),
        Recipe(
            {"num_bins": 7, "output_mode": "one_hot"},
            (Given((1,), "words"), Given((1,), "words")),
            label="one_hot",
        ),
    ],
    "Hashing": [
        Recipe({"num_bins": 7}, (WORD,)),
        Recipe({"num_bins": 7, "mask_value": "tea"}, (WORD,), label="masked"),
        Recipe({"num_bins": 7, "output_mode": "count", "salt": 5}, (WORD,), label="count"),
    ],
    "InputLayer": [Recipe({"shape": (6,)}, (VECTOR,))],
    "IntegerLookup": _lookups([3, 1, 7, 5], IDS, -1, 0),
    "StringLookup": _lookups(["tea", "Milk", "sugar", "salt"], WORD, "[UNK]", "none"),
    "TextVectorization": [
        Recipe({"vocabulary": ["tea", "milk", "sugar", "salt"]}, (TEXT,)),
        Recipe(
            {
                "vocabulary": ["tea", "milk", "tea milk", "salt"],
                "ngrams": 2,
                "output_mode": "multi_hot",
                "max_tokens": 9,
                "pad_to_max_tokens": True,
            },
            (TEXT,),
            label="multi_hot",
        ),
        Recipe(
            {
                "vocabulary": ["tea", "milk", "sugar"],
                "idf_weights": [0.5, 1.0, 2.0],
                "output_mode": "tf_idf",
            },
            (TEXT,),
            label="tf_idf",
        ),
        Recipe(
            {
                "vocabulary": ["t", "m", "e", "a"],
                "split": "character",
                "output_sequence_length": 12,
            },
            (TEXT,),
            label="characters",
        ),
    ],
    "Lambda": [Recipe({"function": lambda: lambda x: x * 2.0})],
    "LayerNormalization": [
        Recipe({}, (PLANE,)),
        Recipe({"axis": [1, 2]}, (Given((4, 4)),), label="axes"),
    ],
    "LeakyReLU": [Recipe()],
    "Masking": [Recipe({}, (STEPS,), lambda layer, xs: layers.LSTM(2, name="after")(layer(xs[0])))],
    "MaxNumBoundingBoxes": [],
    "MelSpectrogram": [
        Recipe({"fft_length": 32, "sequence_stride": 8, "num_mel_bins": 6}, (Given((80,)),)),
        Recipe(
            {"fft_length": 32, "sequence_stride": 8, "num_mel_bins": 6, "power_to_db": False},
            (Given((80,)),),
            label="power",
        ),
    ],
    "STFTSpectrogram": [
        Recipe({"frame_length": 16}, (Given((64, 1)),)),
        Recipe({"frame_length": 16, "mode": "psd"}, (Given((64, 1)),), label="psd"),
        Recipe(
            {"frame_length": 16, "mode": "real", "expand_dims": True},
            (Given((64, 2)),),
            label="real",
        ),
    ],
    "Normalization": [
        Recipe({}),
        Recipe({"mean": [1.0, 2, 3, 1, 0, 1], "variance": [2.0, 1, 3, 1, 2, 4]}, label="given"),
        Recipe({"mean": 1.5, "variance": 2.5}, label="scalar"),
        Recipe({"axis": None, "mean": 1.5, "variance": 2.5}, label="scalar over all"),
        Recipe({"axis": None}, (STEPS,), label="over all"),
        Recipe({"invert": True}, (STEPS,), label="inverted"),
    ],
    "PReLU": [Recipe({}, (PLANE,)), Recipe({"shared_axes": [1]}, (Given((4, 4)),), label="shared")],
    "Permute": [
        Recipe({"dims": (2, 1)}, (Given((4, 4)),)),
        Recipe({"dims": (2, 3, 1)}, (Given((4, 4, 4)),), label="three"),
    ],
    "Pipeline": [
        Recipe(
            {
                "layers": lambda: [
                    layers.Rescaling(0.1, name="one"),
                    layers.CenterCrop(4, 4, name="two"),
                ]
            },
            (IMAGE,),
        )
    ],
    "RNN": [
        Recipe({"cell": lambda: layers.LSTMCell(3, name="inner")}, (STEPS,)),
        Recipe({"cell": _cells, "return_sequences": True}, (STEPS,), label="list"),
        Recipe(
            {"cell": lambda: layers.StackedRNNCells(_cells(), name="inner")},
            (STEPS,),
            masked=True,
            label="stacked",
        ),
        Recipe(
            {"cell": lambda: layers.SimpleRNNCell(3, name="inner"), "return_sequences": True},
            (STEPS,),
            masked=True,
            label="masked",
        ),
    ],
    "StackedRNNCells": [
        Recipe(
            {"cells": _cells}, (STEPS,), lambda layer, xs: layers.RNN(layer, name="around")(xs[0])
        )
    ],
    "RMSNormalization": [
        Recipe({}, (STEPS,)),
        Recipe({"axis": [1, 2]}, (Given((4, 4)),), label="axes"),
    ],
    "ReLU": [
        Recipe(),
        Recipe({"max_value": 2.0, "negative_slope": 0.1, "threshold": 0.5}, label="set"),
    ],
    "RepeatVector": [Recipe({"n": 3})],
    "Rescaling": [
        Recipe({"scale": 0.5}, (IMAGE,)),
        Recipe({"scale": [0.5, 1.0, 2.0], "offset": [1.0, 2.0, 3.0]}, (IMAGE,), label="channels"),
    ],
    "Reshape": [Recipe({"target_shape": (2, 3)}), Recipe({"target_shape": (-1, 2)}, label="free")],
    "Resizing": [
        Recipe({"height": 5, "width": 6}, (IMAGE,)),
        Recipe({"height": 5, "width": 9, "pad_to_aspect_ratio": True}, (IMAGE,), label="padded"),
        Recipe({"height": 5, "width": 9, "crop_to_aspect_ratio": True}, (IMAGE,), label="cropped"),
    ],
    "RandomPosterization": [Recipe({"factor": 4}, (IMAGE,))],
    "RandomCrop": [Recipe({"height": 5, "width": 4}, (IMAGE,))],
    "ReversibleEmbedding": [
        Recipe({"input_dim": 10, "output_dim": 3}, (IDS,)),
        Recipe(
            {"input_dim": 10, "output_dim": 3, "tie_weights": False, "logit_soft_cap": 2.0},
            (IDS,),
            lambda layer, xs: layer(layer(xs[0]), reverse=True),
            label="reversed",
        ),
    ],
    "Softmax": [
        Recipe({}, (Given((4, 4)),)),
        Recipe(
            {},
            (Given((4, 4)), Given((4, 4), "mask")),
            lambda layer, xs: layer(xs[0], mask=xs[1]),
            label="masked",
        ),
    ],
    "SpectralNormalization": [
        Recipe({"layer": _dense}),
        Recipe({"layer": lambda: layers.Conv2D(2, 2, name="inner")}, (PLANE,), label="convolution"),
    ],
    "TimeDistributed": [
        Recipe({"layer": _dense}, (STEPS,)),
        Recipe(
            {"layer": lambda: layers.Conv1D(2, 2, name="inner")},
            (Given((3, 5, 2)),),
            label="convolution",
        ),
        Recipe({"layer": _lstm}, (Given((3, 5, 2)),), label="recurrent"),
    ],
    "UnitNormalization": [Recipe({}, (Given((4, 4)),))],
}
# What no single process can run, or what is no layer by itself.
NOT_TRIED = {
    "FlaxLayer": "needs Flax",
    "JaxLayer": "needs the JAX backend",
    "TorchModuleWrapper": "needs the PyTorch backend",
    "TFSMLayer": "is a SavedModel",
    "Layer": "is abstract",
    "Wrapper": "is abstract",
    "MaxNumBoundingBoxes": "takes bounding boxes, which no model has as an input",
}
# What will do for every argument without a default.
ARGUMENTS: dict[str, Any] = {
    "rate": 0.3,
    "stddev": 0.3,
    "factor": 0.5,
    "height": 4,
    "width": 4,
    "kernel_size": 2,
    "height_factor": 0.2,
    "width_factor": 0.2,
    "axis": -1,
    "scale": 1.5,
    "layer": _dense,
    "cell": lambda: layers.LSTMCell(2, name="inner"),
    "target_shape": (2, 3),
    "dims": (2, 1),
    "activation": "relu",
    "function": lambda: lambda x: x * 2.0,
    "value_range": (0, 255),
}
INPUTS = [
    (VECTOR,),
    (STEPS,),
    (IMAGE,),
    (PLANE,),
    (CUBE,),
    (IDS,),
    (WORD,),
    (TEXT,),
    PAIR,
    QUERY,
    (*QUERY, Given((5, 6))),
]


def classes() -> dict[str, type]:
    """Every layer class that Keras exports, by its own name."""
    kinds = {kind.__name__: kind for kind in vars(layers).values() if isinstance(kind, type)}
    return {n: k for n, k in sorted(kinds.items()) if issubclass(k, layers.Layer)}


def recipes(kind: type) -> Iterator[Recipe]:
    """The ways in which a class is tried; guesses, the first of which that works will do."""
    name = kind.__name__
    if name in RECIPES:
        yield from RECIPES[name]
        return
    parameters = inspect.signature(kind).parameters.values()
    given = {
        p.name: ARGUMENTS.get(p.name, 2)
        for p in parameters
        if p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD
    }
    first = (
        [(IMAGE,)]
        if name.startswith("Random") or "value_range" in [p.name for p in parameters]
        else []
    )
    for inputs in (*first, *INPUTS):
        yield Recipe(given, inputs)
        if len(inputs) > 1:
            yield Recipe(given, inputs, each)
