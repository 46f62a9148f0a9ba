"""Files that custom classes save beside their weights, such as the words of a tokenizer."""

import shutil
from pathlib import Path
from typing import Any

from fpcheck.fingerprint.derived import State, asset
from fpcheck.model.layer_walk import graph_of, is_builtin, is_custom, walk


def saved_assets(model: Any) -> State | None:
    """What Keras would write below `assets/` of a `.keras` file, without its own lookup layers.

    Returns:
        The bytes of each file, uint8 (n,), in the order of their names; None if a class cannot save
        them.
    """
    from keras.src.saving import saving_lib

    places = walk(model)
    custom = {place.path for place in places if is_custom(place.layer)}
    if is_builtin(type(model)) and not custom:
        return []
    # The words of Keras's lookup layers are read from the layers, unless these are inside a custom
    # class. Keras skips what it has visited.
    inside = tuple(f"{path}/" for path in custom)
    lookups = [place for place in places if hasattr(place.layer, "get_vocabulary")]
    visited = {
        id(place.layer)
        for place in lookups
        if graph_of(model) is not None
        and place.path not in custom
        and not place.path.startswith(inside)
    }
    store = saving_lib.DiskIOStore("assets", mode="w")
    try:
        saving_lib._save_state(model, None, store, "", visited)
        folder = Path(store.working_dir)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [asset(file.relative_to(folder).as_posix(), file.read_bytes()) for file in files]
    except Exception:  # the user's code may raise any class
        return None
    finally:
        shutil.rmtree(store.tmp_dir, ignore_errors=True)
