"""The levels of a fingerprint, cheapest first."""

from typing import Literal

Level = Literal["structure", "weights", "outputs"]
LEVELS: tuple[Level, ...] = ("structure", "weights", "outputs")
