"""Makes a model file to measure with; run in a process of its own: `models.py NAME FOLDER`.

Weights are random, from a fixed seed: what is measured depends on their number, not on values.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.legacy.saving import json_utils, saving_options, saving_utils

SEED = 0
# Sizes of a chain of Dense layers that holds 10 GB: five kernels of 1.07 GB, then many of 67 MB.
LARGE = (*[16384] * 6, *[4096] * 67)
BLOCK_BYTES = 64 << 20


def vgg16(path: Path) -> None:
    keras.applications.VGG16(weights=None).save(path)


def resnet50(path: Path) -> None:
    keras.applications.ResNet50(weights=None).save(path)


def small(path: Path) -> None:
    """A convolutional network of 1 MB."""
    layers = keras.layers
    convolutions = [layers.Conv2D(n, 3, activation="relu") for n in (32, 64, 128, 128)]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")]
    keras.Sequential([layers.Input((32, 32, 3)), *convolutions, *head]).save(path)


def large(path: Path) -> None:
    """A chain of Dense layers too large to be made in memory."""
    write_chain(path, LARGE)


def write_chain(path: Path, widths: Sequence[int]) -> None:
    """A chain of Dense layers as the legacy .h5 file that Keras would write, block by block."""
    model = _unfilled_chain(widths)
    rng = np.random.default_rng(SEED)
    with saving_options.keras_option_scope(use_legacy_config=True):
        metadata = saving_utils.model_metadata(model)
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(
            metadata["model_config"], default=json_utils.get_json_type
        )
        weights = file.create_group("model_weights")
        for group in (file, weights):
            group.attrs["keras_version"] = metadata["keras_version"]
            group.attrs["backend"] = metadata["backend"]
        weights.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            own = weights.create_group(layer.name)
            own.attrs["weight_names"] = [v.path.encode() for v in layer.variables]
            for variable in layer.variables:
                _fill(own.create_dataset(variable.path, variable.shape, variable.dtype), rng)
        weights.create_group("top_level_model_weights").attrs["weight_names"] = []


def _unfilled_chain(widths: Sequence[int]) -> Any:
    """The model without values: inside this scope Keras puts off making its variables."""
    with keras.StatelessScope():
        dense = [keras.layers.Dense(width) for width in widths[1:]]
        model = keras.Sequential([keras.layers.Input((widths[0],)), *dense])
        global_state.set_global_attribute("uninitialized_variables", [])
    return model


def _fill(dataset: Any, rng: np.random.Generator) -> None:
    rows = max(1, BLOCK_BYTES // (dataset.nbytes // len(dataset)))
    for start in range(0, len(dataset), rows):
        shape = dataset[start : start + rows].shape
        dataset[start : start + rows] = rng.standard_normal(shape, np.float32)


MAKERS: dict[str, Callable[[Path], None]] = {
    "vgg16.h5": vgg16,
    "resnet50.keras": resnet50,
    "small.keras": small,
    "large.h5": large,
}


if __name__ == "__main__":
    name, folder = sys.argv[1], Path(sys.argv[2])
    keras.utils.set_random_seed(SEED)
    # Under another name until it is whole, so that a file cut off is never measured.
    partial = folder / f"partial-{name}"
    MAKERS[name](partial)
    partial.rename(folder / name)
