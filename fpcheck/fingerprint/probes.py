"""Probes: fixed inputs that fit a model."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fpcheck.codec import Array, Value
from fpcheck.errors import UnavailableError
from fpcheck.fingerprint.probe_values import RECIPE, UNKNOWN_WORDS, InputKind, ProbeInput, make
from fpcheck.fingerprint.structure import Edge, Layer, Port, Structure

COUNT = 4
# Sizes for free dimensions. 128 pixels is above the smallest input of every application and a
# multiple of the usual total strides; 16 steps show order and padding.
FREE_IMAGE_SIZE = 128
FREE_LENGTH = 16
FREE_CHANNELS = 3
IMAGE_CHANNELS = (1, 3, 4)
SENTENCE_WORDS = 5
# Layers whose output has the same meaning as their input.
PASSIVE = frozenset(
    {"InputLayer", "Dropout", "SpatialDropout1D", "Identity"}
    | {"Reshape", "Flatten", "Permute", "ZeroPadding2D", "RepeatVector"}
)
# Layers that look up ids, and fail on ids that they do not have.
_EMBEDDINGS = ("Embedding", "ReversibleEmbedding")
# Layers that take raw pixels: if the model has one, its inputs are 0..255.
PIXEL_LAYERS = frozenset({"Rescaling", "Normalization"})


class Probes(Value, frozen=True, eq=False):
    """How to make the probes, or the probes themselves if the user gave them.

    Attributes:
        inputs: one recipe for each input of the model.
        arrays: the user's arrays, one per input, shape (count, ...); empty if there are none.
        recipe: the version of the rules by which they are made.
    """

    inputs: tuple[ProbeInput, ...]
    count: int = COUNT
    arrays: tuple[Array, ...] = ()
    recipe: str = RECIPE

    def make(self) -> list[Array]:
        """The probes: for each input an array of shape (count, *shape)."""
        if self.arrays:
            return list(self.arrays)
        if self.recipe != RECIPE:
            raise UnavailableError(
                f"the golden's probes are made by the recipe {self.recipe}, which this version of "
                "fpcheck does not know",
                "Update fpcheck.",
            )
        return [make(spec, place, self.count) for place, spec in enumerate(self.inputs)]

    @property
    def images(self) -> list[int]:
        """Positions of the inputs that are images, and so are preprocessed."""
        return [place for place, spec in enumerate(self.inputs) if spec.kind == "image"]


def fit(
    structure: Structure, count: int = COUNT, words: tuple[str, ...] = (), raw_pixels: bool = False
) -> Probes:
    """The recipe of probes for a model; UnavailableError if the structure has no inputs.

    For text inputs, `words` are of the model's vocabularies. If `raw_pixels`, images are 0..255,
    since preprocessing follows.
    """
    if not structure.inputs:
        raise UnavailableError(
            "the model does not say what inputs it takes, so no probes can be made for it",
            "Give them with --probes FILE.npz, or leave outputs out with --levels.",
        )
    # Some models, for example stateful ones, take only one batch size.
    fixed = [port.shape[0] for port in structure.inputs if port.shape and port.shape[0]]
    inputs = tuple(_fit_input(structure, port, words, raw_pixels) for port in structure.inputs)
    return Probes(inputs, fixed[0] if fixed else count)


def given(arrays: dict[str, Array], structure: Structure) -> Probes:
    """Probes from the user's arrays, by input name, or in order if no name is that of an input.

    UnavailableError if an input has no array, or there are more arrays than inputs.
    """
    # For a model without a graph, Keras knows only the first input.
    names = [port.name for port in structure.inputs] if structure.outputs else list(arrays)
    nameless = not set(arrays) & set(names)
    if nameless and len(arrays) == len(names):
        arrays = dict(zip(names, arrays.values(), strict=True))
    counts = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(counts) != 1 or counts == {0}:
        raise UnavailableError(
            f"the arrays of the probes contain {sorted(counts)} probes",
            "Give every input the same number of probes, at least one.",
        )
    if set(arrays) != set(names):
        raise UnavailableError(
            f"the probes contain {sorted(arrays)}, the model takes {names}",
            "Name each array of the .npz file like an input of the model.",
        )
    ordered = tuple(arrays[name] for name in names)
    return Probes(tuple(map(_given_input, names, ordered)), counts.pop(), ordered, "given")


def _given_input(name: str, array: Array) -> ProbeInput:
    kind: InputKind = "image" if array.ndim == 4 and array.dtype == np.uint8 else "values"
    return ProbeInput(name, kind, array.shape[1:], str(array.dtype), 255)


def _fit_input(
    structure: Structure, port: Port, words: tuple[str, ...], raw_pixels: bool
) -> ProbeInput:
    shape = port.shape[1:] if port.shape else ()
    readers = list(_readers(structure, port))
    if port.dtype == "string":
        sentences = any(layer.class_name == "TextVectorization" for layer in readers)
        length, known = SENTENCE_WORDS if sentences else 1, (*words, *UNKNOWN_WORDS)
        return ProbeInput(port.name, "text", _filled(shape), "string", length, words=known)
    padded = any(r.class_name == "Masking" or bool(_config(r, "mask_zero")) for r in readers)
    if vocabulary := _vocabulary(structure, port, readers):
        return ProbeInput(port.name, "tokens", _filled(shape), port.dtype, vocabulary, padded)
    if port.dtype == "bool":
        return ProbeInput(port.name, "switch", _filled(shape), port.dtype, 1)
    if _is_image(shape):
        pixels = any(reader.class_name in PIXEL_LAYERS for reader in readers)
        limit = 255 if raw_pixels or pixels or port.dtype == "uint8" else 1
        sizes = _filled(shape, (FREE_IMAGE_SIZE, FREE_IMAGE_SIZE, FREE_CHANNELS))
        return ProbeInput(port.name, "image", sizes, port.dtype, limit)
    return ProbeInput(port.name, "values", _filled(shape), port.dtype, 1, padded)


def _is_image(shape: tuple[int | None, ...]) -> bool:
    return len(shape) == 3 and shape[2] in (None, *IMAGE_CHANNELS)


def _filled(shape: tuple[int | None, ...], free: tuple[int, ...] = ()) -> tuple[int, ...]:
    """A shape with numbers for its free sizes."""
    free = free or (FREE_LENGTH,) * len(shape)
    return tuple(size if size is not None else free[axis] for axis, size in enumerate(shape))


def _readers(structure: Structure, port: Port) -> Iterator[Layer]:
    """Layers that read an input directly, through passive layers, or inside nested models."""
    if port.source is None:
        return
    waiting, seen = [(port.source, "")], set[tuple[str, str]]()
    while waiting:
        source, scope = waiting.pop()
        if (source.layer, scope) in seen:
            continue
        seen.add((source.layer, scope))
        for layer in (la for la in structure.layers if la.path.rpartition("/")[0] == scope):
            edges = (pair for call in layer.calls or () for pair in enumerate(call.inputs))
            for place in (place for place, edge in edges if edge.layer == source.layer):
                if layer.class_name in PASSIVE | PIXEL_LAYERS:
                    waiting.append((Edge(layer.path), scope))
                inner = _config(layer, "inputs")
                if isinstance(inner, list) and place < len(inner):
                    waiting.append((Edge(*inner[place]), layer.path))
                yield layer


def _config(layer: Layer, key: str) -> Any:
    return (layer.config or {}).get(key)


def _vocabulary(structure: Structure, port: Port, readers: list[Layer]) -> int:
    """One more than the largest id that an input may contain; 0 if it does not contain ids."""
    if port.source is None:
        rank = len(port.shape or ())
        readers = [r for r in structure.layers if r.class_name in _EMBEDDINGS] if rank == 2 else []
    sizes = [int(_config(r, "input_dim")) for r in readers if r.class_name in _EMBEDDINGS]
    sizes += [int(_config(r, "num_tokens")) for r in readers if r.class_name == "CategoryEncoding"]
    whole = port.dtype.startswith(("int", "uint")) and not _is_image((port.shape or ())[1:])
    return min(sizes, default=10 if whole else 0)
