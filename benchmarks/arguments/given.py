"""How a layer is made, and what it is given."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BATCH = 3
WORDS = ("tea", "Milk", "sugar", "salt", "rice", "oil", "egg", "fig")
Call = Callable[..., Any]


@dataclass(frozen=True)
class Given:
    """One input of a model.

    Attributes:
        shape: without the batch.
        kind: `float`, `image` (0..255), `ids` (0..9), `mask`, `words` or `text`.
    """

    shape: tuple[int, ...]
    kind: str = "float"

    @property
    def dtype(self) -> str:
        named = {"ids": "int32", "mask": "bool", "words": "string", "text": "string"}
        return named.get(self.kind, "float32")

    def values(self, rng: np.random.Generator) -> Any:
        """A batch of them; of floats, a fifth of the steps are zero, so that masks mask some."""
        shape = (BATCH, *self.shape)
        if self.kind == "ids":
            return rng.integers(0, 10, shape).astype("int32")
        if self.kind == "mask":
            return rng.random(shape) < 0.7
        if self.kind == "words":
            return rng.choice([*WORDS, "none", "new"], shape).astype(object)
        if self.kind == "text":
            said = [" ".join(rng.choice(WORDS, 4)) + end for end in ("!", ", NEW", "")]
            return np.array(said, object).reshape(shape)
        if self.kind == "image":
            return rng.uniform(0, 255, shape).astype("float32")
        values = (3 * rng.normal(size=shape)).astype("float32")
        if len(shape) > 2:
            values[:, -1] = 0
        return values


@dataclass(frozen=True)
class Recipe:
    """One way to make a layer of a class.

    Attributes:
        arguments: for the constructor; those that are functions are called to get a fresh value.
        inputs: what it is called on.
        call: how it is called; on its only input, or on the list of them, if None.
        masked: whether its first input comes through a `Masking`.
        label: tells recipes of one class apart.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[Given, ...] = (Given((6,)),)
    call: Call | None = None
    masked: bool = False
    label: str = ""

    def made(self, kind: type) -> Any:
        """A fresh layer."""
        given = {k: v() if inspect.isfunction(v) else v for k, v in self.arguments.items()}
        named = {"name": "layer"} if "name" not in given else {}
        return kind(**given, **named)


def each(layer: Any, tensors: list[Any], **flags: Any) -> Any:
    """A call with an argument for each tensor."""
    return layer(*tensors, **flags)


VECTOR, STEPS, WIDE = Given((6,)), Given((5, 4)), Given((8, 6))
PLANE, IMAGE, CUBE = Given((7, 6, 4)), Given((8, 8, 3), "image"), Given((5, 6, 7, 2))
FILMS = {1: Given((3, 6, 2)), 2: Given((3, 5, 6, 2)), 3: Given((2, 3, 4, 5, 2))}
SPACE = {1: WIDE, 2: PLANE, 3: CUBE}
IDS, WORD, TEXT = Given((5,), "ids"), Given((6,), "words"), Given((1,), "text")
