"""The configuration of a custom class, as files contain it, or would."""

import copyreg
import warnings
from collections.abc import Iterator
from typing import Any


def custom_config(layer: Any) -> dict[str, Any]:
    """The configuration of a custom class as files contain it; empty if it has none."""
    try:
        config = dict(layer.get_config())
    except NotImplementedError:
        # Keras raises it if a custom layer has arguments, but no `get_config` of its own.
        return {}
    with warnings.catch_warnings(action="ignore"):
        return {key: _written(value, ()) for key, value in config.items()}


def _written(value: Any, inside: tuple[int, ...]) -> Any:
    """A value as Keras writes it, or its state if Keras cannot write it.

    Args:
        value: as `get_config` returns it.
        inside: identities of the objects whose state it is part of.
    """
    import keras

    try:
        return keras.saving.serialize_keras_object(value)
    except Exception:  # Keras raises many classes, and so may the object
        if id(value) in inside:
            return "an object that it is part of"
    inside = (*inside, id(value))
    if isinstance(value, dict):
        return {key: _written(item, inside) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_written(item, inside) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_written(item, inside) for item in value), key=repr)
    return _state(value, inside)


def _state(value: Any, inside: tuple[int, ...]) -> Any:
    """What `pickle` would keep of an object; the object itself if it keeps nothing."""
    if isinstance(value, type) or hasattr(value, "get_config"):
        return value
    try:
        reduce = copyreg.dispatch_table.get(type(value))
        reduced = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception:  # a lock or an open file cannot be copied
        return value
    if isinstance(reduced, str):  # the name of a global
        return value
    _, arguments, *rest = reduced
    kept = [list(part) if isinstance(part, Iterator) else part for part in (*arguments, *rest)]
    state = [_written(part, inside) for part in kept if part is not None]
    return {"object": f"{type(value).__module__}:{type(value).__qualname__}", "state": state}
