"""The state that layers derive: vocabularies, weights of words, and statistics."""

from collections.abc import Callable

import numpy as np

from fpcheck.fingerprint.derived import State
from fpcheck.fingerprint.structure import USED
from fpcheck.formats.tensor_groups import IDF, Tensors
from fpcheck.keras_config.draft import LayerDraft
from fpcheck.keras_config.vocabularies import LOOKUPS, VOCABULARY, given_weights, vocabulary

_STATISTICS = ("mean", "variance")
Lines = Callable[[], list[str] | None]
# The state that a file stores, and the roles of the state that it does not store.
StateAndMissing = tuple[State, tuple[str, ...]]


def derived_state(entry: LayerDraft, in_file: Tensors, lines: Lines) -> StateAndMissing:
    """The state that follows from configuration or weights, as in a live layer.

    Args:
        entry: the layer.
        in_file: its tensors in the file.
        lines: reads the vocabulary that the file stores for the layer.

    Returns:
        The state that the file stores, and the roles of the state that it does not store.
    """
    if entry.custom:  # it may be or contain any of these layers
        return [], (VOCABULARY, IDF, *(USED + role for role in _STATISTICS))
    if entry.class_name in LOOKUPS:
        return _words(entry, in_file, lines)
    if entry.class_name == "Normalization":
        return _statistics(entry, in_file)
    return [], ()


def _words(entry: LayerDraft, in_file: Tensors, lines: Lines) -> StateAndMissing:
    words = vocabulary(entry.class_name, entry.raw, lines)
    has_weights = entry.raw.get("output_mode") == "tf_idf"
    if words is None:
        return [], (VOCABULARY, *([IDF] if has_weights else []))
    weights = [(IDF, dataset.values(), "float32") for role, dataset in in_file if role == IDF]
    if not weights and (given := given_weights(entry.class_name, entry.raw, words)) is not None:
        weights = [(IDF, given, "float32")]
    missing = (IDF,) if has_weights and not weights else ()
    dtype = "int64" if words.dtype.kind == "i" else "string"
    return [(VOCABULARY, words, dtype), *weights], missing


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
