"""The words of which probes for text inputs are made."""

from collections.abc import Iterable

from fpcheck.codec import Array

# Most vocabularies lack these, so that probes contain unknown words, too.
UNKNOWN_WORDS = ("fpcheck", "zyxwv")


def first_words(vocabularies: Iterable[Array], most: int = 200) -> tuple[str, ...]:
    """The first words of all vocabularies, each once, without special ones such as `[UNK]`."""
    words = [str(w) for values in vocabularies for w in values[: most + 2]]
    return tuple(dict.fromkeys(w for w in words if w and not w.startswith("[")))[:most]
