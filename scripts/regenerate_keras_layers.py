"""Writes fpcheck/keras_config/keras_layers.json: what reading needs to know of Keras.

The attributes that a configuration may leave out, with the values that they then have, of every
layer of the installed Keras; and the names of its operations and activations.
"""

import inspect
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "fpcheck" / "keras_config" / "keras_layers.json"
# Something that will do for every argument without a default.
ARGUMENTS = {
    "target_shape": (1,), "output_shape": (1,), "dims": (1,), "equation": "ab,bc->ac",
    "kernel_size": 1, "bin_boundaries": [0.0], "rate": 0.1, "factor": 0.1, "stddev": 0.1,
    "function": abs, "width": 1, "height": 1, "stretch_factor": 1.0, "bounding_box_format": "xyxy",
    "num_bins": 2, "value_range": (0, 1), "target_format": "xyxy", "source": "xyxy",
    "target": "xyxy", "scale": 1.0, "axis": -1,
}  # fmt: skip
# Layers that refuse the defaults of their own signature.
REFUSING: dict[str, dict[str, Any]] = {
    "InputLayer": {"shape": (1,)}, "CategoryEncoding": {"num_tokens": 2},
    "Activation": {"activation": "relu"}, "Discretization": {"bin_boundaries": [0.0]},
    "RandomPosterization": {"factor": 4},
}  # fmt: skip


def main() -> int:
    """Write the file; with --check only exit with 1 if it is not current."""
    text = json.dumps(described(), indent=1, sort_keys=True) + "\n"
    if "--check" in sys.argv:
        return 0 if TARGET.read_text() == text else 1
    TARGET.write_text(text)
    return 0


def described() -> dict[str, Any]:
    """All that the file says."""
    from keras import activations, layers

    from fpcheck.loading.keras2_models import own_operations

    kinds = {n: k for n, k in vars(layers).items() if isinstance(k, type)}
    models: dict[str, Any] = {name: {} for name in ("Functional", "Model", "Sequential")}
    own = {kind.__name__: kind for kind in kinds.values()}
    return {
        "layers": {name: defaults(kind) for name, kind in own.items()} | models,
        "aliases": {n: kind.__name__ for n, kind in kinds.items() if n != kind.__name__},
        "operations": sorted(own_operations()),
        "quantized": {n: spec for n, k in own.items() if (spec := quantized(k))},
        "activations": {n: v.__name__ for n, v in vars(activations).items() if callable(v)},
    }


def defaults(kind: type) -> dict[str, Any]:
    """Attributes of a layer that have a default, as its configuration writes them."""
    from fpcheck.fingerprint.canonical import split_config

    layer = made(kind)
    if layer is None:
        return {}
    parameters = inspect.signature(kind).parameters.values()
    config = layer.get_config()
    # None stands for something that follows from other arguments, but for False.
    optional = {
        p.name for p in parameters
        if p.default not in (p.empty, None) or (p.default is None and config.get(p.name) is False)
    }  # fmt: skip
    own = {key: value for key, value in config.items() if key in optional}
    decisive, training = split_config(own, kind.__name__, False)
    return {**decisive, **training}


def quantized(kind: type) -> dict[str, list[str]]:
    """What a layer holds in each mode of quantisation, in the order of files."""
    spec = getattr(made(kind), "variable_serialization_spec", None) or {}
    return {str(mode): names for mode, names in spec.items() if mode}


@cache
def made(kind: type) -> Any:
    """A layer with its defaults; None for abstract ones and wrappers of other frameworks."""
    given = {p.name: _argument(p.name) for p in inspect.signature(kind).parameters.values()
             if p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD}  # fmt: skip
    try:
        return kind(**{**given, **REFUSING.get(kind.__name__, {})})
    except Exception as error:
        print(f"{kind.__name__}: {error}".splitlines()[0], file=sys.stderr)
        return None


def _argument(name: str) -> Any:
    from keras import layers

    if name in ("layer", "cell"):
        return layers.LSTM(1) if name == "layer" else layers.LSTMCell(1)
    return ARGUMENTS.get(name, 1)


if __name__ == "__main__":
    sys.exit(main())
