"""What attributes of layers do, to explain a changed one."""

from itertools import pairwise
from typing import Any

# By attribute; the last word of a nested one (`layer.go_backwards`).
EFFECTS = {
    "activation": "the function that is applied to the result of the layer",
    "approximate": "exact gelu, or its tanh approximation; results differ by a few 1e-4 per layer",
    "axis": "the axis that is normalised or joined",
    "class": "the kind of layer",
    "center": "whether beta is added",
    "data_format": "which axis contains the channels",
    "dilation_rate": "the distance between the values that a kernel covers",
    "epsilon": "added to the variance; it matters where variances are small",
    "go_backwards": "the direction in which the sequence is read",
    "groups": "which channels a filter uses",
    "interpolation": "how values between pixels are computed",
    "mask_zero": "whether padding is ignored",
    "negative_slope": "the factor for negative values",
    "alpha": "the factor for negative values",
    "output_mode": "how a word is encoded",
    "padding": "what is added at the border; 'same' is uneven at stride 2 and shifts by a pixel",
    "pool_size": "the size of the window that is pooled",
    "recurrent_activation": "the function of the gates",
    "reset_after": "where a GRU applies its reset gate",
    "return_sequences": "whether every step is returned or only the last",
    "scale": "a factor for the values",
    "offset": "a constant that is added to the values",
    "stateful": "whether state is kept from batch to batch",
    "strides": "the step of the kernel, and so the size of the result",
    "units": "the number of outputs of the layer",
    "filters": "the number of outputs of the layer",
    "use_bias": "whether a bias is added",
    "call.kwargs": "the arguments that the layer is called with",
}
_MOVED = "strides moved from {} ({}) to {} ({}): code of ResNet v1.5 with weights of v1"


def describe_effect(attribute: str) -> str:
    """What an attribute does; empty if that is unknown."""
    return EFFECTS.get(attribute) or EFFECTS.get(attribute.rpartition(".")[2], "")


def describe_moved_strides(
    changes: dict[str, tuple[Any, Any]], sizes: dict[str, str]
) -> str | None:
    """A sentence if two convolutions exchanged their strides, as between ResNet v1 and v1.5.

    Args:
        changes: by layer, in order, golden and candidate strides.
        sizes: by layer, the size of its kernel in words.
    """
    for first, second in pairwise(changes):
        if changes[first] == changes[second][::-1]:
            source, target = (second, first) if _is_one(changes[first][0]) else (first, second)
            return _MOVED.format(source, sizes.get(source, "?"), target, sizes.get(target, "?"))
    return None


def _is_one(strides: Any) -> bool:
    return max(strides) <= 1 if isinstance(strides, list) else not strides or strides <= 1
