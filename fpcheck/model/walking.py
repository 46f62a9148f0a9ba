"""Walking a live Keras model: every layer below it, and what stable path each one has."""

from typing import Any

from fpcheck.codec import Value
from fpcheck.fingerprint.structure import stable_names


class Place(Value, frozen=True):
    """A layer (or operation) and where it stands.

    Attributes:
        path: its path in the model.
        layer: the live object.
        parent: the model or layer that holds it.
        prefix: what precedes the names of layers of that parent.
        covered: the configuration of an enclosing framework layer already says all of its own.
    """

    path: str
    layer: Any
    parent: Any
    prefix: str
    covered: bool


def walk(model: Any) -> list[Place]:
    """Every layer below a model, outer ones first, in the model's order, each once."""
    places: list[Place] = []
    _descend(model, "", False, {id(model)}, places)
    return places


def _descend(parent: Any, prefix: str, covered: bool, seen: set[int], places: list[Place]) -> None:
    children = [c for c in _children(parent) if id(c) not in seen]
    names = [child.name for child in children]
    if not _names_its_layers(parent):
        names = stable_names(names)
    for child, name in zip(children, names, strict=True):
        if id(child) in seen:
            continue
        seen.add(id(child))
        place = Place(prefix + name, child, parent, prefix, covered)
        below: list[Place] = []
        inside = covered or (is_builtin(type(child)) and not _is_model(child))
        _descend(child, place.path + "/", inside, seen, below)
        if covered and not below and not own_variables(child):
            continue
        places += [place, *below]


def _children(parent: Any) -> list[Any]:
    import keras

    if isinstance(parent, keras.Sequential):
        return list(parent.layers)
    if graph_of(parent) is not None:
        return list(parent._operations)
    if hasattr(parent, "get_vocabulary"):
        return []
    layers = getattr(parent, "_layers", None) or []
    return list({id(layer): layer for layer in layers}.values())


def graph_of(parent: Any) -> Any:
    """The Functional whose nodes say how a model's layers are called; None without a graph."""
    import keras

    if isinstance(parent, keras.Sequential):
        return parent._functional
    return parent if isinstance(parent, keras.src.models.functional.Functional) else None


def _names_its_layers(parent: Any) -> bool:
    import keras

    return isinstance(parent, keras.Sequential) or graph_of(parent) is not None


def _is_model(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.Model)


def is_builtin(kind: Any) -> bool:
    """Whether a class or function is the framework's own."""
    return str(getattr(kind, "__module__", "")).split(".")[0] == "keras"


def own_variables(layer: Any) -> list[Any]:
    """A layer's variables without those of layers inside it, seeds and metrics left out."""
    trainable = getattr(layer, "_trainable_variables", None) or []
    fixed = getattr(layer, "_non_trainable_variables", None) or []
    return list({id(v): v for v in [*trainable, *fixed]}.values())
