"""Files that custom classes save beside their weights: a tokenizer's words, say."""

import shutil
from pathlib import Path
from typing import Any

from fpcheck.fingerprint.derived import State, asset
from fpcheck.model.layer_walk import graph_of, is_builtin, is_custom, walk


def saved_assets(model: Any) -> State | None:
    """What Keras would write below `assets/` of a `.keras` file, lookup layers of Keras left out.

    Returns:
        The bytes of each file, uint8 (n,), in the order of their names; None where a class cannot
        save them.
    """
    from keras.src.saving import saving_lib

    places = walk(model)
    custom = {place.path for place in places if is_custom(place.layer)}
    if is_builtin(type(model)) and not custom:
        return []
    # Keras passes over what it has visited; the words of these are read from the layers. Of those
    # inside a custom class a file tells no more than that they are there.
    visited = {
        id(place.layer) for place in places
        if hasattr(place.layer, "get_vocabulary") and place.path not in custom
        and graph_of(model) is not None
        and not any(place.path.startswith(f"{path}/") for path in custom)
    }  # fmt: skip
    store = saving_lib.DiskIOStore("assets", mode="w")
    try:
        saving_lib._save_state(model, None, store, "", visited)
        folder = Path(store.working_dir)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [
            asset(path.relative_to(folder).as_posix(), path.read_bytes()) for path in files
        ]  # fmt: skip
    except Exception:  # code of the user's, which may raise anything
        return None
    finally:
        shutil.rmtree(store.tmp_dir, ignore_errors=True)
