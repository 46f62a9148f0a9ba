"""Vocabularies of preprocessing layers, as in the live layers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fpcheck.codec import Array

VOCABULARY = "vocabulary"  # the role of a layer's words
LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization")
# Attributes of the lookup inside TextVectorization, which users cannot set.
_TEXT = {"mask_token": "", "oov_token": "[UNK]", "num_oov_indices": 1}


def vocabulary(
    class_name: str, config: dict[str, Any], lines: Callable[[], list[str] | None]
) -> Array | None:
    """The words of a layer, special ones first: int64 or object; None if it has none.

    Args:
        class_name: of the layer.
        config: its configuration.
        lines: reads the words from the model file if the configuration does not contain them.
    """
    if class_name not in LOOKUPS:
        return None
    kind = np.int64 if _numbers(class_name, config) else object
    given = config.get("vocabulary")
    if isinstance(given, str):  # the path of a file elsewhere
        return None
    if given is None:
        stored = lines()
        return None if stored is None else np.asarray(stored, kind)
    words = list(given["items"] if isinstance(given, dict) else given)
    special = _special({**config, **_TEXT} if class_name == "TextVectorization" else config)
    if words[: len(special)] != special:
        words = [*special, *words]
    return np.asarray(words, kind)


def given_weights(class_name: str, config: dict[str, Any], words: Array) -> Array | None:
    """The weights of words that the user gave, padded as in the layer; None if there are none.

    Args:
        class_name: of the layer.
        config: its configuration.
        words: all words of the layer, special ones first.

    Returns:
        float32, one for each word. Special words have the mean of all weights, as in Keras's
        `IndexLookup.set_vocabulary`; zeros follow up to `max_tokens` if the layer pads.

    Raises:
        TypeError, ValueError: they are not weights of these words.
    """
    if config.get("idf_weights") is None:
        return None
    given = np.asarray(config["idf_weights"])
    if given.dtype.kind not in "fiu" or given.ndim != 1 or not given.size:
        raise TypeError(f"the idf_weights of a {class_name} are no list of numbers")
    padded = config.get("max_tokens") if config.get("pad_to_max_tokens") else None
    room = (len(words) - len(given), (padded or len(words)) - len(words))
    ends = (float(np.average(given)), 0.0)
    return np.pad(given, room, "constant", constant_values=ends).astype(np.float32)


def _numbers(class_name: str, config: dict[str, Any]) -> bool:
    return class_name == "IntegerLookup" or "int" in str(config.get("vocabulary_dtype", ""))


def _special(config: dict[str, Any]) -> list[Any]:
    masked = config.get("mask_token") is not None and config.get("output_mode", "int") == "int"
    unknown = [config.get("oov_token")] * int(config.get("num_oov_indices", 1))
    return ([config["mask_token"]] if masked else []) + unknown
