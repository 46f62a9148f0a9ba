"""The values of probes: made from a recipe that no library version can change.

Every value comes from BLAKE3 in its extendable form and integer arithmetic, so the same recipe
gives the same bytes everywhere. Images are not symmetric in space or colour, token ids are inside
the vocabulary, and where a model masks padding, every second probe is padded.
"""

import math
from collections.abc import Callable, Iterable
from typing import Literal

import blake3
import numpy as np

from fpcheck.codec import Array, Value

RECIPE = "fpcheck-probes/1"
InputKind = Literal["image", "tokens", "text", "values", "switch"]
# Most vocabularies lack these, so that probes for text inputs contain unknown words, too.
UNKNOWN_WORDS = ("fpcheck", "zyxwv")
_MOST_WORDS = 200


class ProbeInput(Value, frozen=True):
    """The recipe of one input.

    Attributes:
        shape: without the batch axis; free sizes are replaced by numbers.
        dtype: the type that the model takes.
        limit: for tokens, one more than the largest id; for images, the largest value (1 or 255);
            for text, how many words.
        padded: whether every second probe ends in zeros.
        words: for text, the words to choose from.
    """

    name: str
    kind: InputKind
    shape: tuple[int, ...]
    dtype: str
    limit: int
    padded: bool = False
    words: tuple[str, ...] = ()


def _stream(label: str, *shape: int) -> Array:
    """Bytes that depend on the label only, as int64 of a shape."""
    count = math.prod(shape)
    raw = blake3.blake3(f"{RECIPE}/{label}".encode()).digest(length=max(1, count))
    return np.frombuffer(raw, np.uint8)[:count].astype(np.int64).reshape(shape)


def _image(spec: ProbeInput, label: str) -> Array:
    """Slanted triangle waves with patches and noise, different in every channel."""
    height, width, channels = spec.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    y, x = y * 224 // max(height, 1), x * 224 // max(width, 1)
    noise = _stream(f"{label}/noise", *spec.shape)
    settings = _stream(f"{label}/settings", channels, 8)
    image = np.empty(spec.shape, np.int64)
    for channel, (a, b, c, top, left, tall, wide, level) in enumerate(settings):
        wave = np.abs(((a % 13 + 1) * y + (b % 7 + channel + 1) * x + c) % 510 - 255)
        top, left = top * 3 // 4, left * 3 // 4
        patch = (y >= top) & (y < top + tall // 2) & (x >= left) & (x < left + wide // 2)
        wave = np.where(patch, level, wave)
        # Darker down and to the right, differently in each channel: every flip or swap changes it.
        shade = 255 - (y + (channel + 1) * x // 2) * 255 // (448 + 224 * channel)
        image[..., channel] = (wave * 5 + shade * 2 + noise[..., channel]) // 8
    return np.clip(image, 0, 255).astype(np.uint8)


def _tokens(spec: ProbeInput, label: str) -> Array:
    digits = _stream(label, *spec.shape, 4) @ (256 ** np.arange(4))
    first = 1 if spec.limit > 1 else 0  # 0 is padding in models that mask padding
    return np.asarray(first + digits % max(1, spec.limit - first), spec.dtype)


def _text(spec: ProbeInput, label: str) -> Array:
    picks = _stream(label, *spec.shape, 5).reshape(-1, 5) % len(spec.words)
    lines = [" ".join(spec.words[pick] for pick in row[: spec.limit]) for row in picks]
    return np.array(lines, dtype=object).reshape(spec.shape)


def _values(spec: ProbeInput, label: str) -> Array:
    """About normal with standard deviation 1: the centred sum of four bytes (Irwin-Hall)."""
    sums = _stream(label, *spec.shape, 4).sum(axis=-1) - 510
    return np.asarray(sums / 147.8, np.float32)


_MAKERS: dict[InputKind, Callable[[ProbeInput, str], Array]] = {
    "image": _image,
    "tokens": _tokens,
    "text": _text,
    "values": _values,
    "switch": lambda spec, label: _stream(label, *spec.shape) % 2 == 1,
}


def make(spec: ProbeInput, place: int, count: int) -> Array:
    """The values of the input number `place`: shape (count, *spec.shape).

    Images are uint8 in 0..255, before any preprocessing.
    """
    made = np.stack([_MAKERS[spec.kind](spec, f"{place}/{number}") for number in range(count)])
    if spec.padded and made.ndim > 1:
        kept = max(1, made.shape[1] * 2 // 3)  # axis 1 is time
        made[1::2, kept:] = 0
    return made


def first_words(vocabularies: Iterable[Array]) -> tuple[str, ...]:
    """The first words of all vocabularies, each once, without special ones such as `[UNK]`."""
    words = [str(w) for values in vocabularies for w in values[: _MOST_WORDS + 2]]
    return tuple(dict.fromkeys(w for w in words if w and not w.startswith("[")))[:_MOST_WORDS]
