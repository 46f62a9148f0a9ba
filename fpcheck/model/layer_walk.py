"""Every layer of a live Keras model, with a path that is the same in every process."""

from typing import Any

from fpcheck.codec import Value
from fpcheck.fingerprint.layer_names import stable_names
from fpcheck.fingerprint.structure import ROOT


class Place(Value, frozen=True):
    """A live layer (or operation), its path in the model, and the model or layer that contains it.

    It is covered if the configuration of a layer of Keras around it contains its own.
    """

    path: str
    layer: Any
    parent: Any
    covered: bool


def walk(model: Any) -> list[Place]:
    """Every layer below a model, outer ones first, in the model's order, each once."""
    places: list[Place] = []
    if own_variables(model):  # a subclassed model may add weights itself
        places.append(Place(ROOT, model, model, covered=True))
    _descend(model, "", False, {id(model)}, places)
    return places


def _descend(parent: Any, prefix: str, covered: bool, seen: set[int], places: list[Place]) -> None:
    import keras

    children = [c for c in _children(parent) if id(c) not in seen]
    names = [child.name for child in children]
    if graph_of(parent) is None and not isinstance(parent, keras.Sequential):
        names = stable_names(names)  # outside graphs, the process numbers layers
    for child, name in zip(children, names, strict=True):
        if id(child) in seen:
            continue
        seen.add(id(child))
        place = Place(prefix + name, child, parent, covered)
        below: list[Place] = []
        inside = not isinstance(child, keras.Model) and (covered or is_builtin(type(child)))
        _descend(child, place.path + "/", inside, seen, below)
        if covered and not below and not own_variables(child) and not is_custom(child):
            continue
        places += [place, *below]


def _children(parent: Any) -> list[Any]:
    import keras

    graph, layers = graph_of(parent), getattr(parent, "_layers", None) or []
    if isinstance(parent, keras.Sequential):
        return chain(parent)
    if graph is not None:
        # A user's class may call layers that are not in its graph.
        return _once([*graph._operations, *([] if is_builtin(type(parent)) else layers)])
    return [] if hasattr(parent, "get_vocabulary") else _once(layers)


def _once(items: list[Any]) -> list[Any]:
    return list({id(item): item for item in items}.values())


def chain(model: Any) -> list[Any]:
    """The layers of a Sequential model without its input, which not every format contains."""
    import keras

    return [la for la in model.layers if not isinstance(la, keras.layers.InputLayer)]


def graph_of(parent: Any) -> Any:
    """The Functional whose nodes are the calls of a model's layers; None without a graph."""
    import keras

    if isinstance(parent, keras.Sequential):
        return parent._functional
    return parent if isinstance(parent, keras.src.models.functional.Functional) else None


def is_builtin(kind: Any) -> bool:
    """Whether a class or function is part of Keras."""
    return str(getattr(kind, "__module__", "")).split(".")[0] == "keras"


def is_custom(layer: Any) -> bool:
    """Whether a layer's class, or a callable among its attributes, is not part of Keras."""
    if not is_builtin(type(layer)):
        return True
    return any(callable(value) and not is_builtin(value) for value in vars(layer).values())


def own_variables(layer: Any) -> list[Any]:
    """A layer's variables, without those of layers inside it, seeds, metrics and adapters.

    Keras merges low-rank adapters (LoRA) into the kernel when it saves a model, so fpcheck measures
    the merged kernel; see `effective`.
    """
    trainable = getattr(layer, "_trainable_variables", None) or []
    fixed = getattr(layer, "_non_trainable_variables", None) or []
    found = _once([*trainable, *fixed])
    if getattr(layer, "lora_enabled", False):
        found = [v for v in found if not v.name.startswith("lora_")]
    # A quantized layer has an order in which files contain its variables.
    spec = getattr(layer, "variable_serialization_spec", None) or {}
    order = spec.get(getattr(layer, "quantization_mode", None)) or []
    return sorted(found, key=lambda v: order.index(v.name) if v.name in order else len(order))


def effective(layer: Any, variable: Any) -> Any:
    """The value that the layer computes with, which is the merged one for an adapted kernel."""
    if getattr(layer, "lora_enabled", False):
        for name in ("kernel", "embeddings"):
            if getattr(layer, f"_{name}", None) is variable:
                return getattr(layer, name)
    return variable.value
