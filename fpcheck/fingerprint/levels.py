"""The levels of a fingerprint, in the order in which they are judged."""

from typing import Literal

Level = Literal["structure", "weights", "outputs"]
LEVELS: tuple[Level, ...] = ("structure", "weights", "outputs")
