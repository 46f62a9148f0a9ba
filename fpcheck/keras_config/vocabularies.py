"""Vocabularies of preprocessing layers, as the live layers would tell them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fpcheck.codec import Array

VOCABULARY = "vocabulary"  # the role of a layer's words
LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization")
# What TextVectorization does not write, since it cannot be set there.
_TEXT = {"mask_token": "", "oov_token": "[UNK]", "num_oov_indices": 1}


def vocabulary(
    class_name: str, config: dict[str, Any], lines: Callable[[], list[str] | None]
) -> Array | None:
    """The words of a layer, special ones first: int64, or objects; None if it has none.

    Args:
        class_name: of the layer.
        config: its configuration.
        lines: reads the file that holds the words where the configuration does not.
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
    """Weights of words that were given with them, as the layer pads them; None if none were.

    Args:
        class_name: of the layer.
        config: its configuration.
        words: all that it knows, special ones first.

    Returns:
        float32, one for each word: special ones weigh the mean of all others, as in Keras's
        `IndexLookup.set_vocabulary`; then zeros up to `max_tokens`, if that is asked for.

    Raises:
        TypeError, ValueError: they are no weights of these words.
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
