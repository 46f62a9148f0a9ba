"""The digests that a tensor would have after the usual mistakes: a later match is a proof.

Each row of the table is one mistake: its name and what it makes of a tensor, or None where it does
not apply. The names are part of the golden format; rows may be added, never changed.
"""

from collections.abc import Callable

import ml_dtypes
import numpy as np

from fpcheck.codec import Array
from fpcheck.fingerprint import digest

# A first layer sees 3 (RGB) or 4 (RGBA) channels; more are not colours.
COLOUR_CHANNELS = (3, 4)
# Rank of a convolution's kernel: 1 to 3 space axes, input channels, output channels.
CONVOLUTION_RANKS = (3, 4, 5)


def _rounded(values: Array, through: type) -> Array | None:
    if values.dtype not in (np.float32, np.float64):
        return None
    with np.errstate(over="ignore"):
        return values.astype(through).astype(values.dtype)


def _float16(values: Array) -> Array | None:
    return _rounded(values, np.float16)


def _bfloat16(values: Array) -> Array | None:
    return _rounded(values, ml_dtypes.bfloat16)


def _flipped(values: Array) -> Array | None:
    if values.ndim not in CONVOLUTION_RANKS:
        return None
    return np.flip(values, axis=tuple(range(values.ndim - 2)))


def _transposed(values: Array) -> Array | None:
    return np.swapaxes(values, -1, -2) if values.ndim >= 2 else None


def _space_transposed(values: Array) -> Array | None:
    return np.swapaxes(values, 0, 1) if values.ndim == 4 else None


def _channels_reversed(values: Array) -> Array | None:
    if values.ndim not in CONVOLUTION_RANKS or values.shape[-2] not in COLOUR_CHANNELS:
        return None
    return np.flip(values, axis=-2)


COUNTERFACTUALS: dict[str, Callable[[Array], Array | None]] = {
    "float16": _float16,
    "bfloat16": _bfloat16,
    "flipped": _flipped,
    "transposed": _transposed,
    "space-transposed": _space_transposed,
    "input-channels-reversed": _channels_reversed,
}


def counterfactual_digests(values: Array, dtype: str, own: bytes) -> dict[str, bytes]:
    """The digest after each mistake that applies and that changes this tensor.

    Args:
        values: numeric tensor of any shape.
        dtype: the framework's name of its type.
        own: the digest of the tensor as it is.
    """
    found: dict[str, bytes] = {}
    for name, mistake in COUNTERFACTUALS.items():
        changed = mistake(values)
        if changed is None:
            continue
        other = digest.of_array(changed, dtype)
        if other != own:
            found[name] = other
    return found
