"""Fixed inputs that fit a model: made from a recipe that no library version can change.

Every value comes from BLAKE3 in its extendable form and integer arithmetic, so the same recipe
gives the same bytes everywhere. Images are not symmetric in space or colour; token ids lie inside
the vocabulary; where a model masks padding, every second probe is padded.
"""

from collections.abc import Iterator
from typing import Any, Literal

import blake3
import numpy as np

from fpcheck.codec import Array, Value
from fpcheck.errors import UnavailableError
from fpcheck.fingerprint.structure import Edge, Layer, Port, Structure

RECIPE = "fpcheck-probes/1"
COUNT = 4
# Sizes chosen where the model leaves them free. 128 pixels is above the smallest input of every
# application and a multiple of the usual total strides; 16 steps show order and padding.
FREE_IMAGE_SIZE = 128
FREE_LENGTH = 16
FREE_CHANNELS = 3
IMAGE_CHANNELS = (1, 3, 4)
SENTENCE_WORDS = 5
# Outside most vocabularies, so that these are asked for what they do not know, too.
UNKNOWN_WORDS = ("fpcheck", "zyxwv")
# Layers that hand their input on with its meaning unchanged.
PASSIVE = frozenset(
    {"InputLayer", "Dropout", "Identity", "Reshape", "Flatten", "Permute", "SpatialDropout1D",
     "ZeroPadding2D", "RepeatVector"}
)  # fmt: skip
# Layers that look ids up, and fail on those that they do not hold.
_EMBEDDINGS = ("Embedding", "ReversibleEmbedding")
# Layers made to be fed raw pixels: their presence says that inputs are 0..255.
PIXEL_LAYERS = frozenset({"Rescaling", "Normalization"})

Kind = Literal["image", "tokens", "text", "values", "switch"]


class ProbeInput(Value, frozen=True):
    """The recipe of one input.

    Attributes:
        name: the model's name of it.
        kind: what it is made of.
        shape: without the batch axis, free sizes chosen.
        dtype: what the model wants.
        limit: for tokens, one more than the largest id; for images, the largest value (1 or 255);
            for text, how many words.
        padded: every second probe ends in zeros.
        words: for text, what it is made of.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...]
    dtype: str
    limit: int
    padded: bool = False
    words: tuple[str, ...] = ()


class Probes(Value, frozen=True, eq=False):
    """How to make the probes, or, where a user gave them, the probes themselves.

    Attributes:
        inputs: one recipe for each input of the model.
        count: how many probes.
        arrays: given arrays, one per input, shape (count, ...); empty where made from the recipe.
    """

    inputs: tuple[ProbeInput, ...]
    count: int = COUNT
    arrays: tuple[Array, ...] = ()
    recipe: str = RECIPE

    def make(self) -> list[Array]:
        """The probes: for each input an array of shape (count, *shape).

        Images are uint8 in 0..255, before any preprocessing; `prepared` scales them.
        """
        if self.arrays:
            return list(self.arrays)
        if self.recipe != RECIPE:
            raise UnavailableError(
                f"the golden's probes are made by the recipe {self.recipe}, which this version of "
                "fpcheck does not know",
                "Update fpcheck.",
            )
        return [_make(spec, place, self.count) for place, spec in enumerate(self.inputs)]

    @property
    def images(self) -> list[int]:
        """Places of the inputs that are images, so that preprocessing concerns them."""
        return [place for place, spec in enumerate(self.inputs) if spec.kind == "image"]


def fit(
    structure: Structure,
    count: int = COUNT,
    words: tuple[str, ...] = (),
    raw_pixels: bool = False,
) -> Probes:
    """The recipe of probes for a model.

    Args:
        structure: tells inputs and what reads them.
        count: how many probes.
        words: of the model's vocabularies, for inputs that are text.
        raw_pixels: images are 0..255, since some preprocessing follows.

    Raises:
        UnavailableError: the model does not say what shape of input it takes.
    """
    if not structure.inputs:
        raise UnavailableError(
            "the model does not say what inputs it takes, so no probes can be made for it",
            "Give them with --probes FILE.npz, or leave outputs out with --levels.",
        )
    # A model that fixes its batch (a stateful one, say) takes no other number.
    fixed = [port.shape[0] for port in structure.inputs if port.shape and port.shape[0]]
    inputs = tuple(_fit_input(structure, port, words, raw_pixels) for port in structure.inputs)
    return Probes(inputs, fixed[0] if fixed else count)


def given(arrays: dict[str, Array], structure: Structure) -> Probes:
    """Probes that a user gave, by input name (or in order, where the names are `arr_0` ...).

    Raises:
        UnavailableError: an input has no array, or there are more arrays than inputs.
    """
    # Of a model without a graph Keras knows the first input only.
    names = [port.name for port in structure.inputs] if structure.outputs else list(arrays)
    nameless = not set(arrays) & set(names)
    if nameless and len(arrays) == len(names):
        arrays = dict(zip(names, arrays.values(), strict=True))
    counts = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(counts) != 1 or counts == {0}:
        raise UnavailableError(
            f"the arrays of the probes hold {sorted(counts)} probes",
            "Give every input the same number of probes, at least one.",
        )
    if set(arrays) != set(names):
        raise UnavailableError(
            f"the probes hold {sorted(arrays)}, the model takes {names}",
            "Name each array of the .npz file like an input of the model.",
        )
    inputs = tuple(
        ProbeInput(n, "image" if _looks_like_image(arrays[n]) else "values",
                   arrays[n].shape[1:], str(arrays[n].dtype), 255)
        for n in names
    )  # fmt: skip
    chosen = tuple(arrays[n] for n in names)
    return Probes(inputs, len(chosen[0]), chosen, "given")


def _looks_like_image(array: Array) -> bool:
    return array.ndim == 4 and array.dtype == np.uint8


def _fit_input(
    structure: Structure, port: Port, words: tuple[str, ...], raw_pixels: bool
) -> ProbeInput:
    shape = port.shape[1:] if port.shape else ()
    readers = list(_readers(structure, port))
    if port.dtype == "string":
        sentences = any(layer.class_name == "TextVectorization" for layer in readers)
        length = SENTENCE_WORDS if sentences else 1
        return ProbeInput(
            port.name, "text", _chosen(shape, ()), "string", length, words=(*words, *UNKNOWN_WORDS)
        )
    vocabulary = _vocabulary(structure, port, readers)
    padded = any(_masks(layer) for layer in readers)
    if vocabulary:
        sizes = _chosen(shape, (FREE_LENGTH,) * len(shape))
        return ProbeInput(port.name, "tokens", sizes, port.dtype, vocabulary, padded)
    if port.dtype == "bool":
        return ProbeInput(port.name, "switch", _chosen(shape, ()), port.dtype, 1)
    if _is_image(shape):
        raw = (
            raw_pixels
            or port.dtype == "uint8"
            or any(r.class_name in PIXEL_LAYERS for r in readers)
        )
        free = (FREE_IMAGE_SIZE, FREE_IMAGE_SIZE, FREE_CHANNELS)
        return ProbeInput(port.name, "image", _chosen(shape, free), port.dtype, 255 if raw else 1)
    return ProbeInput(port.name, "values", _chosen(shape, ()), port.dtype, 1, padded)


def _is_image(shape: tuple[int | None, ...]) -> bool:
    return len(shape) == 3 and (shape[2] in IMAGE_CHANNELS or shape[2] is None)


def _chosen(shape: tuple[int | None, ...], free: tuple[int, ...]) -> tuple[int, ...]:
    filled = free or (FREE_LENGTH,) * len(shape)
    return tuple(size if size is not None else filled[place] for place, size in enumerate(shape))


def _readers(structure: Structure, port: Port) -> Iterator[Layer]:
    """Layers that see an input as it is: directly, through passive layers or nested models."""
    if port.source is None:
        return
    waiting, seen = [(port.source, "")], set[tuple[str, str]]()
    while waiting:
        source, scope = waiting.pop()
        if (source.layer, scope) in seen:
            continue
        seen.add((source.layer, scope))
        for layer in structure.layers:
            if not _scoped(layer, scope):
                continue
            for place in _places(layer, source):
                if layer.class_name in PASSIVE or layer.class_name in PIXEL_LAYERS:
                    waiting.append((Edge(layer.path), scope))
                inner = _config(layer, "inputs")
                if isinstance(inner, list) and place < len(inner):
                    waiting.append((Edge(*inner[place]), layer.path + "/"))
                yield layer


def _scoped(layer: Layer, scope: str) -> bool:
    return layer.path.startswith(scope) and "/" not in layer.path[len(scope) :]


def _places(layer: Layer, source: Edge) -> Iterator[int]:
    """At which of a layer's inputs the given source arrives."""
    for call in layer.calls or ():
        for place, edge in enumerate(call.inputs):
            if edge.layer == source.layer:
                yield place


def _config(layer: Layer, key: str) -> Any:
    return (layer.config or {}).get(key)


def _vocabulary(structure: Structure, port: Port, readers: list[Layer]) -> int:
    """One more than the largest id that an input may hold; 0 where it does not hold ids."""
    if port.source is None:
        rank = len(port.shape or ())
        readers = [r for r in structure.layers if r.class_name in _EMBEDDINGS] if rank == 2 else []
    sizes = [int(_config(r, "input_dim")) for r in readers if r.class_name in _EMBEDDINGS]
    sizes += [int(_config(r, "num_tokens")) for r in readers if r.class_name == "CategoryEncoding"]
    if sizes:
        return min(sizes)
    whole = port.dtype.startswith(("int", "uint")) and not _is_image((port.shape or ())[1:])
    return 10 if whole else 0


def _masks(layer: Layer) -> bool:
    return layer.class_name == "Masking" or bool(_config(layer, "mask_zero"))


def _stream(label: str, count: int) -> Array:
    """`count` bytes that depend on the label only, as int64."""
    raw = blake3.blake3(f"{RECIPE}/{label}".encode()).digest(length=max(1, count))
    return np.frombuffer(raw, np.uint8)[:count].astype(np.int64)


def _make(spec: ProbeInput, place: int, count: int) -> Array:
    made = np.stack([_MAKERS[spec.kind](spec, f"{place}/{number}") for number in range(count)])
    if spec.padded and made.ndim > 1:
        axis = 1  # the first after the batch: time
        kept = max(1, made.shape[axis] * 2 // 3)
        made[1::2, kept:] = 0
    return made


def _image(spec: ProbeInput, label: str) -> Array:
    """Slanted triangle waves with patches and noise, other in every channel."""
    height, width, channels = spec.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    y, x = y * 224 // max(height, 1), x * 224 // max(width, 1)
    noise = _stream(f"{label}/noise", height * width * channels).reshape(spec.shape)
    settings = _stream(f"{label}/settings", 8 * channels).reshape(channels, 8)
    image = np.empty(spec.shape, np.int64)
    for channel, (a, b, c, top, left, tall, wide, level) in enumerate(settings):
        wave = np.abs(((a % 13 + 1) * y + (b % 7 + channel + 1) * x + c) % 510 - 255)
        top, left = top * 3 // 4, left * 3 // 4
        patch = (y >= top) & (y < top + tall // 2) & (x >= left) & (x < left + wide // 2)
        wave = np.where(patch, level, wave)
        # Darker down and to the right, other in each channel: no flip or swap keeps it.
        shade = 255 - (y + (channel + 1) * x // 2) * 255 // (448 + 224 * channel)
        image[..., channel] = (wave * 5 + shade * 2 + noise[..., channel]) // 8
    return np.clip(image, 0, 255).astype(np.uint8)


def _tokens(spec: ProbeInput, label: str) -> Array:
    size = int(np.prod(spec.shape))
    digits = _stream(label, 4 * size).reshape(size, 4) @ (256 ** np.arange(4))
    first = 1 if spec.limit > 1 else 0  # 0 is padding wherever padding is masked
    ids: Array = first + digits % max(1, spec.limit - first)
    return ids.reshape(spec.shape).astype(spec.dtype)


def _text(spec: ProbeInput, label: str) -> Array:
    size = int(np.prod(spec.shape))
    picks = _stream(label, 5 * size).reshape(size, 5) % len(spec.words)
    lines = [" ".join(spec.words[pick] for pick in row[: spec.limit]) for row in picks]
    return np.array(lines, dtype=object).reshape(spec.shape)


def _values(spec: ProbeInput, label: str) -> Array:
    """About normal with deviation 1: the centred sum of four bytes (Irwin-Hall)."""
    size = int(np.prod(spec.shape))
    sums = _stream(label, 4 * size).reshape(size, 4).sum(axis=1) - 510
    normal: Array = (sums.astype(np.float64) / 147.8).astype(np.float32)
    return normal.reshape(spec.shape)


def _switch(spec: ProbeInput, label: str) -> Array:
    odd: Array = _stream(label, int(np.prod(spec.shape))) % 2 == 1
    return odd.reshape(spec.shape)


_MAKERS = {
    "image": _image,
    "tokens": _tokens,
    "text": _text,
    "values": _values,
    "switch": _switch,
}
