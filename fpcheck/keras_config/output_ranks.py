"""How many dimensions a layer's output has, where a file does not write its shape."""

from typing import Any

_FLAT = ("Flatten",)
# Their output mode says whether they add a dimension, and the length of the last one.
_ENCODING = ("CategoryEncoding", "Discretization", "Hashing", "HashedCrossing", "StringLookup",
             "IntegerLookup")  # fmt: skip
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN")
# Their outputs depend on code, or on arguments that are not looked into.
_UNKNOWN = ("Lambda", "Dot", "Functional", "Sequential", "Model", "TextVectorization")


def rank_after(class_name: str, config: dict[str, Any], before: int | None) -> int | None:
    """The rank of a layer's output, batch included; None where it cannot be told.

    Args:
        class_name: of the layer, which is the framework's own.
        config: its configuration.
        before: the rank of its first input.
    """
    if before is None or class_name in _UNKNOWN or class_name.startswith("ops."):
        return None
    if class_name in _ENCODING:
        return before if config.get("output_mode", "multi_hot") == "int" else None
    if class_name == "EinsumDense":
        return _rank_of_einsum(str(config.get("equation", "")), before)
    if class_name in ("MelSpectrogram", "STFTSpectrogram"):
        return before + 1
    if class_name == "Pipeline":
        return None
    if class_name in _FLAT:
        return 2
    if class_name.startswith("Global"):
        return before if config.get("keepdims") else 2
    if class_name in _RECURRENT or class_name.startswith("ConvLSTM"):
        return before - (0 if config.get("return_sequences") else 1)
    if class_name in ("Embedding", "RepeatVector"):
        return before + 1
    if class_name == "Reshape":
        shape = config.get("target_shape")
        shape = shape.get("items") if isinstance(shape, dict) else shape
        return 1 + len(shape) if isinstance(shape, list | tuple) else None
    inner = config.get("layer")
    if class_name == "Bidirectional" and isinstance(inner, dict):
        return rank_after("LSTM", inner["config"], before)
    if class_name == "TimeDistributed" and isinstance(inner, dict):
        after = rank_after(str(inner["class_name"]), inner["config"], before - 1)
        return None if after is None else after + 1
    return before


def _rank_of_einsum(equation: str, before: int) -> int | None:
    """By how many letters the result has more than the input; `...` stands for the same in both."""
    operands, _, result = equation.partition("->")
    given = operands.partition(",")[0]
    if not given or not result:
        return None
    letters = [sum(letter.isalpha() for letter in side) for side in (given, result)]
    return before + letters[1] - letters[0]
