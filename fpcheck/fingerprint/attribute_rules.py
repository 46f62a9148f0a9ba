"""Which attributes of a layer's configuration decide its outputs, and which do not."""

from typing import Any

# Keras writes these for every layer. The name decides nothing, structures store trainability and
# the dtype policy separately, and the shape of the input (Keras 2) follows from the graph.
OF_EVERY_LAYER = frozenset({"name", "trainable", "dtype", "batch_input_shape"})
# Where an object comes from or how it was saved, never what it computes. In the configuration of a
# custom class these names may be arguments of its own.
BOOKKEEPING = OF_EVERY_LAYER | frozenset(
    {"registered_name", "module", "build_config", "compile_config", "shared_object_id"}
)
# Where `dtype` is not a policy but the type of an input or a result. Operations are `ops.NAME`.
DTYPE_DECIDES = frozenset({("InputLayer", "dtype"), ("ops", "dtype")})
# Attributes that matter in training only; differences in them are notes.
_TRAINING_SUFFIXES = ("_initializer", "_regularizer", "_constraint")
# By class; "*" is every class of Keras.
_TRAINING_ATTRIBUTES = {
    "*": {"seed", "lora_rank", "lora_alpha", "autocast"},
    "BatchNormalization": {"momentum", "renorm_momentum", "synchronized"},
    **{name: {"rate"} for name in ("Dropout", "GaussianDropout", "AlphaDropout")},
    **{f"SpatialDropout{rank}D": {"rate"} for rank in (1, 2, 3)},
    "GaussianNoise": {"stddev"},
    # `implementation` is another order of the same sums; Keras 2 does not write it.
    "LSTM": {"dropout", "recurrent_dropout", "unit_forget_bias", "implementation"},
    "GRU": {"dropout", "recurrent_dropout", "implementation"},
    "SimpleRNN": {"dropout", "recurrent_dropout"},
    **{name: {"dropout"} for name in ("MultiHeadAttention", "GroupedQueryAttention")},
}
# Compared elsewhere: as a tensor, since some formats store it separately, or as a port's shape.
COMPARED_ELSEWHERE = frozenset(
    {("InputLayer", "batch_shape")}
    | {(name, "vocabulary") for name in ("StringLookup", "IntegerLookup", "TextVectorization")}
)
# Operations whose axis is one of the output, which has one dimension more than the input.
AXIS_OF_OUTPUT = frozenset({"ops.ExpandDims", "ops.Stack", "ops.OneHot", "ops.MultiHot"})
# Statistics given as numbers, lists or nested lists, of which only the values matter.
NUMBERS = frozenset({("Normalization", "mean"), ("Normalization", "variance")})
# Flags that later versions of Keras added; False means the same as no attribute.
ADDED_LATER = frozenset(
    {("BatchNormalization", "renorm")}
    | {(name, "zero_output_for_mask") for name in ("LSTM", "GRU", "SimpleRNN")}
    | {(name, "use_gate") for name in ("MultiHeadAttention", "GroupedQueryAttention")}
)


def is_training(class_name: str, key: str) -> bool:
    """Whether an attribute of a Keras class matters in training only."""
    if class_name.startswith("ops."):  # operations do not know whether the model is in training
        return False
    listed = key in _TRAINING_ATTRIBUTES["*"] | _TRAINING_ATTRIBUTES.get(class_name, set())
    return listed or key.endswith(_TRAINING_SUFFIXES)


def from_the_end(axis: Any, rank: int | None, class_name: str) -> Any:
    """An axis, or a list of axes, counted from the end; unchanged if the input's rank is unknown.

    If the user gave -1, Keras 2 wrote the resolved axis and Keras 3 writes -1.
    """
    if isinstance(axis, list | tuple):
        return [from_the_end(one, rank, class_name) for one in axis]
    if not rank or not isinstance(axis, int) or axis < 0:
        return axis
    return axis - rank - (class_name in AXIS_OF_OUTPUT)
