"""What attributes of layers do, for the sentence that tells that one differs."""

from itertools import pairwise
from typing import Any

# By attribute; the last word of a nested one (`layer.go_backwards`).
EFFECTS = {
    "activation": "another function of what the layer computes",
    "approximate": "gelu exact or by tanh: a few 1e-4 of difference a layer",
    "axis": "another axis is normalised or joined",
    "class": "another kind of layer",
    "center": "whether beta is added",
    "data_format": "which axis holds the channels",
    "dilation_rate": "how far apart the kernel looks",
    "epsilon": "added to the variance: shows where variances are small",
    "go_backwards": "in which direction the sequence is read",
    "groups": "which channels a filter sees",
    "interpolation": "how values between pixels are made",
    "mask_zero": "whether padding is passed over",
    "negative_slope": "how negative values go on",
    "alpha": "how negative values go on",
    "output_mode": "what stands for a word",
    "padding": "what is read beyond the border; 'same' is uneven at stride 2: a shift by a pixel",
    "pool_size": "how much is pooled together",
    "recurrent_activation": "the function of the gates",
    "reset_after": "where a GRU applies its reset gate",
    "return_sequences": "every step or only the last",
    "scale": "a factor on what passes",
    "offset": "a constant on what passes",
    "stateful": "whether state is carried from batch to batch",
    "strides": "how far the kernel steps, and so the size of what follows",
    "units": "how many outputs the layer has",
    "filters": "how many outputs the layer has",
    "use_bias": "whether a bias is added",
    "call.kwargs": "how the layer is called",
}
_MOVED = "strides moved from {} ({}) to {} ({}): v1.5 code with v1 weights"


def effect(attribute: str) -> str:
    """What an attribute does; empty where nothing is known."""
    return EFFECTS.get(attribute) or EFFECTS.get(attribute.rpartition(".")[2], "")


def moved_strides(changes: dict[str, tuple[Any, Any]], sizes: dict[str, str]) -> str | None:
    """Whether two convolutions exchanged their strides, as between ResNet v1 and v1.5.

    Args:
        changes: by layer, in order, golden and present strides.
        sizes: by layer, its kernel's size in words.
    """
    layers = list(changes)
    for first, second in pairwise(layers):
        if changes[first] == changes[second][::-1]:
            steps = changes[first][0]
            given, got = (first, second) if _large(steps) else (second, first)
            return _MOVED.format(given, sizes.get(given, "?"), got, sizes.get(got, "?"))
    return None


def _large(steps: Any) -> bool:
    return max(steps) > 1 if isinstance(steps, list) else bool(steps) and steps > 1
