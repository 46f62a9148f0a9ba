"""Walking a live Keras model: every layer below it, and what stable path each one has."""

from typing import Any

from fpcheck.codec import Value
from fpcheck.fingerprint.layer_names import stable_names
from fpcheck.fingerprint.structure import ROOT


class Place(Value, frozen=True):
    """A layer (or operation) and where it stands.

    Attributes:
        path: its path in the model.
        layer: the live object.
        parent: the model or layer that holds it.
        covered: the configuration of an enclosing framework layer already says all of its own.
    """

    path: str
    layer: Any
    parent: Any
    covered: bool


def walk(model: Any) -> list[Place]:
    """Every layer below a model, outer ones first, in the model's order, each once."""
    places: list[Place] = []
    if own_variables(model):  # of a subclassed model that adds weights itself
        places.append(Place(ROOT, model, model, covered=True))
    _descend(model, "", False, {id(model)}, places)
    return places


def _descend(parent: Any, prefix: str, covered: bool, seen: set[int], places: list[Place]) -> None:
    children = [c for c in _children(parent) if id(c) not in seen]
    names = _names(parent, children)
    for child, name in zip(children, names, strict=True):
        if id(child) in seen:
            continue
        seen.add(id(child))
        place = Place(prefix + name, child, parent, covered)
        below: list[Place] = []
        inside = not _is_model(child) and (covered or is_builtin(type(child)))
        _descend(child, place.path + "/", inside, seen, below)
        if covered and not below and not own_variables(child) and not is_custom(child):
            continue
        places += [place, *below]


def _names(parent: Any, children: list[Any]) -> list[str]:
    """A graph names its layers; whatever else has running numbers of the process is renamed."""
    import keras

    names = [child.name for child in children]
    named = isinstance(parent, keras.Sequential) or graph_of(parent) is not None
    return names if named else stable_names(names)


def _children(parent: Any) -> list[Any]:
    import keras

    graph = graph_of(parent)
    if isinstance(parent, keras.Sequential):
        return chain(parent)
    if graph is not None:
        # A class of the user's may call layers that stand beside its graph.
        beside = [] if is_builtin(type(parent)) else getattr(parent, "_layers", None) or []
        return list({id(layer): layer for layer in [*graph._operations, *beside]}.values())
    if hasattr(parent, "get_vocabulary"):
        return []
    layers = getattr(parent, "_layers", None) or []
    return list({id(layer): layer for layer in layers}.values())


def chain(model: Any) -> list[Any]:
    """The layers of a Sequential model; its input is no layer of its own in every container."""
    import keras

    return [la for la in model.layers if not isinstance(la, keras.layers.InputLayer)]


def graph_of(parent: Any) -> Any:
    """The Functional whose nodes say how a model's layers are called; None without a graph."""
    import keras

    if isinstance(parent, keras.Sequential):
        return parent._functional
    return parent if isinstance(parent, keras.src.models.functional.Functional) else None


def _is_model(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.Model)


def is_builtin(kind: Any) -> bool:
    """Whether a class or function is the framework's own."""
    return str(getattr(kind, "__module__", "")).split(".")[0] == "keras"


def is_custom(layer: Any) -> bool:
    """Whether a layer's class, or anything callable that it holds, is not the framework's own."""
    if not is_builtin(type(layer)):
        return True
    return any(callable(value) and not is_builtin(value) for value in vars(layer).values())


def own_variables(layer: Any) -> list[Any]:
    """A layer's variables without those of layers inside it, seeds and metrics left out.

    Low-rank adapters are left out too: Keras merges them into the kernel when it saves, so it is
    the merged kernel that is measured; see `effective`.
    """
    trainable = getattr(layer, "_trainable_variables", None) or []
    fixed = getattr(layer, "_non_trainable_variables", None) or []
    adapted = bool(getattr(layer, "lora_enabled", False))
    found = [
        v
        for v in {id(v): v for v in [*trainable, *fixed]}.values()
        if not (adapted and v.name.startswith("lora_"))
    ]
    # A quantised layer says in which order files hold what it has.
    spec = getattr(layer, "variable_serialization_spec", None)
    order = spec.get(getattr(layer, "quantization_mode", None)) if spec else None
    return (
        sorted(found, key=lambda v: order.index(v.name) if v.name in order else len(order))
        if order
        else found
    )


def effective(layer: Any, variable: Any) -> Any:
    """The value that the layer computes with: of an adapted kernel, the merged one."""
    if getattr(layer, "lora_enabled", False):
        for name in ("kernel", "embeddings"):
            if getattr(layer, f"_{name}", None) is variable:
                return getattr(layer, name)
    return variable.value
