"""What custom classes add to a model: code, attributes, configurations and files."""

import ast
import copyreg
import inspect
import shutil
import textwrap
import warnings
from collections.abc import Iterator
from functools import cache, partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from fpcheck.fingerprint import digest
from fpcheck.fingerprint.canonical import code_body
from fpcheck.fingerprint.derived import State, asset
from fpcheck.model.live_graph import graph_of, is_builtin, is_custom, walk
from fpcheck.model.user_code import attempt

_SCALARS = (bool, int, float, str)
_FAILED = object()


def code_digest(layer: Any) -> str:
    """The digest of a layer's code that is not the framework's; empty if there is none."""
    code = [[name, _content(item)] for name, item in _own_code(layer)]
    return digest.text(digest.of_value(code)) if code else ""


def _own_code(layer: Any) -> Iterator[tuple[str, Any]]:
    """The functions that its classes and the layer itself contain, without the framework's."""
    # The first class of the framework is followed by its bases.
    own = takewhile(lambda kind: not is_builtin(kind), type(layer).__mro__)
    for scope in [*map(vars, own), vars(layer)]:
        for name, value in sorted(scope.items()):
            function = getattr(value, "__func__", getattr(value, "fget", value))
            if inspect.isfunction(function) and not is_builtin(function):
                yield name, function


def _content(item: Any) -> Any:
    """Code without comments, layout and docstrings."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(item)))
    except (OSError, TypeError, SyntaxError):  # made at run time, or part of a larger expression
        code = getattr(item, "__code__", None)
        return code_body(code) if code is not None else getattr(item, "__qualname__", "")
    for node in ast.walk(tree):
        match getattr(node, "body", None):
            case [ast.Expr(ast.Constant()), _, *_] as body:
                del body[0]
    return ast.dump(tree)


def attributes(layer: Any, config: dict[str, Any] | None) -> dict[str, Any]:
    """Public scalar attributes of a custom layer that its configuration does not contain."""
    own, known = vars(layer), _usual() | (config or {}).keys()
    public = sorted(name for name in own.keys() - known if not name.startswith("_"))
    scalars = {name: own[name] for name in public if isinstance(own[name], _SCALARS)}
    return {**scalars, "supports_masking": bool(layer.supports_masking)}


@cache
def _usual() -> frozenset[str]:
    """The attributes that every layer has."""
    import keras

    return frozenset(vars(keras.layers.Layer()))


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
    """A value as Keras writes it, or else its state. It is inside objects with these identities."""
    import keras

    written = attempt(partial(keras.saving.serialize_keras_object, value), _FAILED)
    if written is not _FAILED:
        return written
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
    reduce = copyreg.dispatch_table.get(type(value), lambda value: value.__reduce_ex__(4))
    # A lock or an open file cannot be copied.
    reduced = attempt(partial(reduce, value), "")
    if isinstance(reduced, str):  # the name of a global
        return value
    _, arguments, *rest = reduced
    kept = [list(part) if isinstance(part, Iterator) else part for part in (*arguments, *rest)]
    state = [_written(part, inside) for part in kept if part is not None]
    return {"object": f"{type(value).__module__}:{type(value).__qualname__}", "state": state}


def saved_assets(model: Any) -> State | None:
    """What Keras would write below `assets/` of a `.keras` file, without its own lookup layers.

    Such as the words of a tokenizer: the bytes of each file, uint8 (n,), in the order of their
    names. None if a class cannot save them.
    """
    from keras.src.saving import saving_lib

    places = walk(model)
    custom = {place.path for place in places if is_custom(place.layer)}
    if is_builtin(type(model)) and not custom:
        return []
    # The words of Keras's lookup layers are read from the layers, unless these are inside a custom
    # class. Keras skips what it has visited.
    inside = tuple(f"{path}/" for path in custom)
    visited = {
        id(place.layer)
        for place in places
        if hasattr(place.layer, "get_vocabulary")
        and graph_of(model) is not None
        and place.path not in custom
        and not place.path.startswith(inside)
    }
    store = saving_lib.DiskIOStore("assets", mode="w")
    try:
        return attempt(partial(_saved, model, store, visited), None)
    finally:
        shutil.rmtree(store.tmp_dir, ignore_errors=True)


def _saved(model: Any, store: Any, visited: set[int]) -> State | None:
    from keras.src.saving import saving_lib

    saving_lib._save_state(model, None, store, "", visited)
    folder = Path(store.working_dir)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [asset(file.relative_to(folder).as_posix(), file.read_bytes()) for file in files]
