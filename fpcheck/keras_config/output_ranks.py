"""The rank of a layer's output, if a file does not contain its shape."""

from typing import Any

# Layers whose output mode decides the rank.
_ENCODING = (
    *("StringLookup", "IntegerLookup", "Hashing", "HashedCrossing"),
    *("CategoryEncoding", "Discretization"),
)
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN")
_LONGER = ("Embedding", "RepeatVector", "MelSpectrogram", "STFTSpectrogram")
# Layers whose output depends on code, or on arguments that this module ignores.
_UNKNOWN = (
    *("Lambda", "Dot", "TextVectorization"),
    *("Functional", "Sequential", "Model", "Pipeline"),
)


def rank_after(class_name: str, config: dict[str, Any], before: int | None) -> int | None:
    """The rank of a layer's output, with the batch axis, after that of its input; None: unknown."""
    inner = config.get("layer")
    if before is None or class_name in _UNKNOWN or class_name.startswith("ops."):
        return None
    if class_name in _ENCODING:
        return before if config.get("output_mode", "multi_hot") == "int" else None
    if class_name == "EinsumDense":
        return _rank_of_einsum(str(config.get("equation", "")), before)
    if class_name in _LONGER:
        return before + 1
    if class_name == "Flatten" or (class_name.startswith("Global") and not config.get("keepdims")):
        return 2
    if class_name in _RECURRENT or class_name.startswith("ConvLSTM"):
        return before if config.get("return_sequences") else before - 1
    if class_name == "Reshape":
        shape = config.get("target_shape")
        shape = shape.get("items") if isinstance(shape, dict) else shape
        return 1 + len(shape) if isinstance(shape, list | tuple) else None
    if class_name == "Bidirectional" and isinstance(inner, dict):
        return rank_after("LSTM", inner["config"], before)
    if class_name == "TimeDistributed" and isinstance(inner, dict):
        after = rank_after(str(inner["class_name"]), inner["config"], before - 1)
        return None if after is None else after + 1
    return before


def _rank_of_einsum(equation: str, before: int) -> int | None:
    """The rank changes by the difference in letters; `...` means the same axes on both sides."""
    operands, _, result = equation.partition("->")
    given = operands.partition(",")[0]
    if not given or not result:
        return None
    letters = [sum(letter.isalpha() for letter in side) for side in (given, result)]
    return before + letters[1] - letters[0]
