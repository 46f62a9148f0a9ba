"""Axis profiles: the L2 norm of each slice along each axis."""

from collections.abc import Iterable

import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint import blocks

Index = tuple[slice, ...]
# Values of a slab. It is part of the recipe, since the sums of slabs are rounded.
_SLAB = 2**20


class Profiles:
    """A `blocks.Gauge` of axis profiles, for rank 2 and more."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self.sums = tuple(np.zeros(size) for size in values.shape) if values.ndim > 1 else ()
        self.room = blocks.Room(min(values.size, _SLAB))

    def parts(self) -> Iterable[Index]:
        """Slabs of about a million values."""
        return blocks.slabs(self.values.shape, _SLAB) if self.sums else ()

    def measure(self, part: Index) -> tuple[Index, tuple[Array, ...]]:
        """The sums of squares of a slab along all its axes."""
        slab = self.values[part]
        squared = self.room.arrays[0][: slab.size].reshape(slab.shape)
        np.copyto(squared, slab, casting="unsafe")
        np.square(squared, out=squared)
        axes = range(slab.ndim)
        return part, tuple(
            squared.sum(axis=tuple(other for other in axes if other != axis)) for axis in axes
        )

    def merge(self, figures: tuple[Index, tuple[Array, ...]]) -> None:
        """Adds the sums of the next slab."""
        index, sums = figures
        for axis, part in enumerate(sums):  # a slab is cut along the first axes only
            self.sums[axis][index[axis : axis + 1]] += part

    def norms(self) -> tuple[Array, ...]:
        """The profiles: one float32 array per axis."""
        return tuple(np.sqrt(part).astype(np.float32) for part in self.sums)
