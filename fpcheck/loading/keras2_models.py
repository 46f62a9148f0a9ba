"""Loads models of Keras 2 with Keras 3.

The arguments of the three loaders are those of `formats.format.Code.load`; the file is only read.
They raise ValueError where Keras 3 would not run the model as Keras 2 did.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fpcheck.keras_config.keras2_config import Rewriter, is_keras2, unwrapped, wrote_keras2

if TYPE_CHECKING:
    import h5py
    import keras

_CONFIG = "config.json"  # of an archive


def load_legacy_h5(path: Path, custom_objects: dict[str, object], safe_mode: bool) -> "keras.Model":
    """The model of a full-model legacy HDF5 file of Keras 2 or 3, not compiled."""
    import h5py
    import keras
    from keras.src.legacy.saving import json_utils, legacy_h5_format, saving_options, saving_utils
    from keras.src.saving.serialization_lib import SafeModeScope

    with h5py.File(path, "r") as file:
        # A link could lead out of the file that is being checked.
        hard = file.get("model_weights", getclass=True, getlink=True) is h5py.HardLink
        if "model_config" not in file.attrs or not hard:
            raise ValueError(f"{path} contains no whole model")
        config, rewriter = file.attrs["model_config"], Rewriter(_registered(custom_objects))
        old = _is_keras2(file)
        if old:
            config = rewriter.layer(json.loads(config, object_hook=unwrapped))
        else:
            config = json_utils.decode(config)
            # Keras 3 writes its operations (masks, `x + 1`) into these files, and forgets them.
            # Where a layer has the same name, that is meant.
            operations = own_operations().items()
            bare = {name: value for name, value in operations if not hasattr(keras.layers, name)}
            custom_objects = {**bare, **custom_objects}
        with saving_options.keras_option_scope(use_legacy_config=True), SafeModeScope(safe_mode):
            model = saving_utils.model_from_config(config, custom_objects=custom_objects)
            _check(model, rewriter.orders)
            legacy_h5_format.load_weights_from_hdf5_group(file["model_weights"], model)
    if old:
        _finalize(model)
    return model


def load_old_archive(
    path: Path, custom_objects: dict[str, object], safe_mode: bool
) -> "keras.Model":
    """The model of a `.keras` file of Keras 2, not compiled.

    Keras 3 finds the weights and vocabularies where Keras 2 stored them. So it loads a copy of the
    file in which only the configuration is rewritten for Keras 3.
    """
    import keras

    rewriter = Rewriter(_registered(custom_objects))
    with tempfile.TemporaryDirectory(prefix="fpcheck-") as folder:
        copy = Path(folder) / "model.keras"
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
            config = json.loads(old.read(_CONFIG), object_hook=unwrapped)
            new.writestr(_CONFIG, json.dumps(rewriter.layer(config)))
            for name in old.namelist():
                if name != _CONFIG:
                    with old.open(name) as source, new.open(name, "w", force_zip64=True) as target:
                        shutil.copyfileobj(source, target)
        model = keras.saving.load_model(
            copy, custom_objects=custom_objects, compile=False, safe_mode=safe_mode
        )
    _check(model, rewriter.orders)
    _finalize(model)
    return model


def load_architecture(
    path: Path, custom_objects: dict[str, object], safe_mode: bool
) -> "keras.Model":
    """The model that `Model.to_json` of Keras 2 or 3 describes, with fresh weights."""
    import keras

    text = path.read_text(encoding="utf-8")
    config, rewriter = json.loads(text), Rewriter(_registered(custom_objects))
    if wrote_keras2(config.get("keras_version")):
        config = rewriter.layer(json.loads(text, object_hook=unwrapped))
    model = keras.saving.deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
    _check(model, rewriter.orders)
    return model


def _finalize(model: "keras.Model") -> None:
    """Make inner Normalization layers use what was loaded; Keras does this only at the top."""
    import keras

    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def _registered(custom_objects: dict[str, object]) -> Callable[[str], bool]:
    from keras.saving import get_registered_object

    return lambda kind: get_registered_object(kind, custom_objects) is not None


def own_operations() -> dict[str, type]:
    """Keras's operations by name."""
    from keras.src.ops import core, image, linalg, math, nn, numpy
    from keras.src.ops.operation import Operation

    return {
        name: value
        for module in (core, image, linalg, math, nn, numpy)
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Operation) and value is not Operation
    }


def _is_keras2(file: "h5py.File") -> bool:
    attributes = {**file["model_weights"].attrs, **file.attrs}
    version, backend, config = (
        text.decode() if isinstance(text, bytes) else str(text)
        for text in map(attributes.get, ("keras_version", "backend", "model_config"))
    )
    return is_keras2(version, backend, config)


def _check(model: "keras.Model", orders: dict[str, list[str]]) -> None:
    """Refuse a model that Keras 3 builds differently from Keras 2."""
    from keras.src.ops.numpy import Add

    for layer in [model, *model._flatten_layers()] if orders else []:
        # Weights are assigned by the order of their layers only.
        order = orders.get(layer.name, [])
        ranks = [order.index(i.name) for i in getattr(layer, "layers", []) if i.name in order]
        if ranks != sorted(ranks):
            raise ValueError(f"Keras 3 orders the layers of {layer.name} differently")
        for added in getattr(layer, "operations", []):
            for node in added._inbound_nodes if isinstance(added, Add) else []:
                shapes = [tuple(getattr(x, "shape", ())) for x in node.arguments.args]
                if _misplaces(*shapes):
                    raise ValueError(f"layer {added.name}: Keras 3 adds {shapes} wrongly")


def _misplaces(a: tuple[int | None, ...], b: tuple[int | None, ...]) -> bool:
    """Whether Keras 3 may add the only long axis of `b` to another axis of `a` (seen in 3.15)."""
    if a == b or len(a) < 2:
        return False
    for axis, size in enumerate(b, -len(b)):
        lone = size != 1 and all(n in (1, None) for i, n in enumerate(b, -len(b)) if i != axis)
        like = (i for i in (-1, 1 - len(a)) if a[i] != 1 and (None in (a[i], size) or a[i] == size))
        if lone and next(like, axis) != axis:
            return True
    return False
