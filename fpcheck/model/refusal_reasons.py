"""What Keras says where it refuses a model, in whole sentences, and what to do about it."""

import re

# A sentence that would make a reason longer is left out.
_LONGEST = 300
# Colours and other escape sequences, which Keras puts into its messages.
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# What follows is the cause: Keras wraps errors in errors, the innermost last.
_CAUSE = "Exception encountered: "
_BEFORE = re.compile(r"^Exception encountered when calling .*\n")
# What Keras appends to its sentences: whole configurations, and lists of what it said before.
_BEHIND = re.compile(
    r"\s*(Full object config: |config=\{|Arguments received by |List of objects that could not be"
    r" loaded:).*",
    re.DOTALL,
)
# Values of a tensor that was refused.
_VALUES = re.compile(r"\[[-\[\]\d\s.,e+]{40,}\]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^\sa-z])")
_AGAIN = "save it again from the model that it was made of"
# Keras says so where it does not know a class.
_NO_CLASS = ("custom_objects", "Could not locate", "Unknown layer")
# Keras and TensorFlow say so where the weights of a file do not fit its layers.
_MISFIT = re.compile(
    r"expected \d+ variables|objects could not be loaded|[Ss]hape mismatch|count mismatch|"
    r"shapes? .* (incompatible|does not match)|expects \d+ weight",
)


def reason(error: BaseException) -> str:
    """What an error says: its first sentences, each whole, without the full stop of the last."""
    text = _CONTROL.sub("", str(error)).rpartition(_CAUSE)[2].strip()
    text = _VALUES.sub("[...]", _BEHIND.sub("", _BEFORE.sub("", text)))
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]
    whole = " ".join(part if part[-1] in ".:!?" else f"{part}." for part in parts)
    found, *more = _SENTENCE_END.split(whole)
    for sentence in more:
        if len(found) + len(sentence) >= _LONGEST:
            break
        found += f" {sentence}"
    if len(found) > 2 * _LONGEST:  # no sentence, but a listing: it ends after a word
        return found[: 2 * _LONGEST].rpartition(" ")[0] + " ..."
    return found.rstrip(".:") or type(error).__name__


def remedy(error: BaseException, newer: bool = False, written: str | None = None) -> str:
    """What to do about a file that Keras refuses to load.

    `written` is the version of Keras that wrote it, if known; `newer`, than the installed one.
    """
    text, said = str(error), reason(error)
    if "safe_mode" in text or "unsafe deserialization" in text or "lambda" in said.lower():
        return "The file contains code. If you trust its source, allow it with --trust."
    misses_class = any(hint in said for hint in _NO_CLASS)
    if newer and ("Full object config: {'module': 'keras" in text or not misses_class):
        return "Update Keras: pip install -U keras."
    if misses_class:
        return "Name the module of its layers: --custom-objects package.module."
    if _MISFIT.search(text):
        return f"Its weights do not fit its layers: {_AGAIN}."
    by = f"Keras {written}" if written else "the Keras that wrote it"
    return f"Load it with {by}, and save it again; --debug shows the whole error."


def is_newer(version: str | None, installed: str) -> bool:
    """Whether a version is newer than the installed one, by its first two numbers."""
    numbers = [[int(n) for n in re.findall(r"\d+", v)[:2]] for v in (version or "", installed)]
    return numbers[0] > numbers[1]
