"""The state that layers derive: vocabularies, weights of words, and statistics; and saved files."""

from collections.abc import Collection
from typing import Any

import numpy as np

from fpcheck.codec import Array
from fpcheck.files import limits
from fpcheck.files.archive import Archive
from fpcheck.fingerprint.derived import State, asset
from fpcheck.fingerprint.structure import ASSET, USED
from fpcheck.formats.tensor_groups import IDF, Tensors
from fpcheck.keras_config.layer_config import LayerDraft

LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization")
_VOCABULARY = "vocabulary"  # the role of a layer's words
# Attributes of the lookup inside TextVectorization, which users cannot set.
_TEXT = {"mask_token": "", "oov_token": "[UNK]", "num_oov_indices": 1}
_STATISTICS = ("mean", "variance")
# The state that a file stores, and the roles of the state that it does not store.
StateAndMissing = tuple[State, tuple[str, ...]]


def derived_state(entry: LayerDraft, in_file: Tensors, archive: Archive | None) -> StateAndMissing:
    """The state that follows from configuration or weights, as in a live layer.

    The archive may contain the vocabulary. Raises TypeError or ValueError where Keras does not
    write such a configuration.
    """
    if entry.custom:  # it may be or contain any of these layers
        return [], (_VOCABULARY, IDF, *(USED + role for role in _STATISTICS))
    if entry.class_name in LOOKUPS:
        return _words(entry, in_file, archive)
    if entry.class_name == "Normalization":
        return _statistics(entry, in_file)
    return [], ()


def custom_assets(archive: Archive | None, entries: Collection[LayerDraft]) -> State:
    """The files that custom classes save in an archive, as state: without those of lookups."""
    if archive is None:
        return []
    lookups = (e for e in entries if e.class_name in LOOKUPS and not e.custom)
    own = tuple(f"{ASSET}{entry.group}/" for entry in lookups)
    names = (name for name in sorted(archive.members) if name.startswith(ASSET))
    kept = (name for name in names if not name.startswith(own) and not name.endswith("/"))
    return [asset(n.removeprefix(ASSET), archive.read(n, limits.VOCABULARY_BYTES)) for n in kept]


def _words(entry: LayerDraft, in_file: Tensors, archive: Archive | None) -> StateAndMissing:
    words = _vocabulary(entry, archive)
    has_weights = entry.raw.get("output_mode") == "tf_idf"
    if words is None:
        return [], (_VOCABULARY, *([IDF] if has_weights else []))
    weights = [(IDF, dataset.values(), "float32") for role, dataset in in_file if role == IDF]
    if not weights and entry.raw.get("idf_weights") is not None:
        weights = [(IDF, _given_weights(entry, words), "float32")]
    missing = (IDF,) if has_weights and not weights else ()
    dtype = "int64" if words.dtype.kind == "i" else "string"
    return [(_VOCABULARY, words, dtype), *weights], missing


def _vocabulary(entry: LayerDraft, archive: Archive | None) -> Array | None:
    """The words of a layer, special ones first: int64 or object; None if it has none."""
    given, config = entry.raw.get("vocabulary"), entry.raw
    numbers = entry.class_name == "IntegerLookup" or "int" in str(config.get("vocabulary_dtype"))
    if isinstance(given, str):  # the path of a file elsewhere
        return None
    if given is None:
        words: list[Any] | None = _lines(archive, entry.group) if archive else None
    else:
        words = list(given["items"] if isinstance(given, dict) else given)
        config = {**config, **(_TEXT if entry.class_name == "TextVectorization" else {})}
        masked = config.get("mask_token") is not None and config.get("output_mode", "int") == "int"
        unknown = [config.get("oov_token")] * int(config.get("num_oov_indices", 1))
        special = [config["mask_token"], *unknown] if masked else unknown
        words = words if words[: len(special)] == special else [*special, *words]
    return None if words is None else np.asarray(words, np.int64 if numbers else object)


def _lines(archive: Archive, group: str) -> list[str] | None:
    """The vocabulary that an archive stores for a group, line by line."""
    for inner in ("/_lookup_layer", ""):  # Keras loads the inner one last, so that one counts
        name = f"{ASSET}{group}{inner}/vocabulary.txt"
        if name in archive.members:
            text = archive.read(name, limits.VOCABULARY_BYTES).decode(errors="replace").rstrip("\n")
            return text.split("\n") if text else []
    return None


def _given_weights(entry: LayerDraft, words: Array) -> Array:
    """The weights of words that the user gave: float32, one for each word.

    Special words have the mean of all weights, as in Keras's `IndexLookup.set_vocabulary`; zeros
    follow up to `max_tokens` if the layer pads.
    """
    given = np.asarray(entry.raw["idf_weights"])
    if given.dtype.kind not in "fiu" or given.ndim != 1 or not given.size:
        raise TypeError(f"the idf_weights of a {entry.class_name} are no list of numbers")
    padded = entry.raw.get("max_tokens") if entry.raw.get("pad_to_max_tokens") else None
    room = (len(words) - len(given), (padded or len(words)) - len(words))
    ends = (float(np.average(given)), 0.0)
    return np.pad(given, room, "constant", constant_values=ends).astype(np.float32)


def _statistics(entry: LayerDraft, in_file: Tensors) -> StateAndMissing:
    given = {role: entry.raw.get(role) for role in _STATISTICS}
    values = {role: np.asarray(value) for role, value in given.items() if value is not None}
    if not values and len(in_file) >= 2:
        datasets = zip(_STATISTICS, in_file, strict=False)
        values = {role: dataset.values() for role, (_, dataset) in datasets}
    if not values:  # the weights from which they follow are in another file
        return [], tuple(USED + role for role in _STATISTICS)
    if any(one.dtype.kind not in "fiuV" for one in values.values()):  # V: bfloat16
        raise TypeError(f"the {next(iter(values))} of {entry.path[:80]} is no number")
    if any(not one.ndim for one in values.values()):
        # Keras broadcasts a scalar to axes whose length may be unknown. The configuration has it.
        return [], tuple(USED + role for role in values)
    flat = {USED + role: np.ravel(one).astype(np.float32) for role, one in values.items()}
    return [(role, one, "float32") for role, one in flat.items()], ()
