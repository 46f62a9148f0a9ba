"""In which group of a weight file Keras 3 looks for each layer: by class and position, not name."""

import re
from collections.abc import Iterator, Sequence

from fpcheck.fingerprint.layer_names import above
from fpcheck.fingerprint.structure import Layer, Structure

# The projections of an attention layer, in its order, and the attribute for each.
PROJECTIONS = {name: f"{name}_dense" for name in ("query", "key", "gate", "value")} | {
    "attention_output": "output_dense"
}
ATTENTIONS = ("MultiHeadAttention", "GroupedQueryAttention")
_PRIVATE = re.compile("/_(" + "|".join(PROJECTIONS.values()) + r")(?=/|$)")
Children = dict[str, list[Layer]]
# The attributes with which Keras's layers refer to inner layers, in the order of those.
_ATTRIBUTES: dict[str, Sequence[str]] = {
    "Bidirectional": ("forward_layer", "backward_layer"),
    **dict.fromkeys(("TimeDistributed", "SpectralNormalization"), ("layer",)),
    **dict.fromkeys(("RNN", "LSTM", "GRU", "SimpleRNN"), ("cell",)),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), ("cell",)),
}


def groups_of(structure: Structure) -> dict[str, str]:
    """The public path of each group, and the path of its layer; empty for models without graph."""
    if not structure.outputs:
        return {}
    children: Children = {}
    for layer in structure.layers:
        parent = next((path for path in above(layer.path) if path in structure.by_path), "")
        children.setdefault(parent, []).append(layer)
    return dict(_numbered(children, "", "layers/"))


def _numbered(children: Children, parent: str, prefix: str) -> Iterator[tuple[str, str]]:
    """The layers of a model, or of a list of cells."""
    used: dict[str, int] = {}
    for layer in children.get(parent, []):
        if layer.class_name.startswith("ops."):
            continue
        name = snake_case(layer.class_name.rpartition(">")[2])
        yield from _with_inner(children, layer, prefix + unique_name(name, used))


def _with_inner(children: Children, layer: Layer, group: str) -> Iterator[tuple[str, str]]:
    yield group, layer.path
    kind, inner = layer.class_name, children.get(layer.path, [])
    if is_model(layer) or kind == "StackedRNNCells":
        folder = "layers" if is_model(layer) else "cells"
        yield from _numbered(children, layer.path, f"{group}/{folder}/")
        return
    attributes = _ATTRIBUTES.get(kind, ())
    if kind in ATTENTIONS:
        attributes = [PROJECTIONS.get(child.path.rpartition("/")[2], "") for child in inner]
    for attribute, child in zip(attributes, inner, strict=False):
        yield from _with_inner(children, child, f"{group}/{attribute}")


def is_model(layer: Layer) -> bool:
    """Whether a layer is a model whose graph is known."""
    config = layer.config or {}
    return layer.class_name in ("Functional", "Sequential") or {"inputs", "outputs"} <= {*config}


def snake_case(class_name: str) -> str:
    """`MultiHeadAttention` as `multi_head_attention`, by the rule of Keras."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(name: str, used: dict[str, int]) -> str:
    """The name, numbered from its second use on; `used` counts the uses."""
    count = used.get(name, -1) + 1
    used[name] = count
    return f"{name}_{count}" if count else name


def public(group: str) -> str:
    """The path of a group, with the public names of the projections of attention layers.

    Whether a file has the public or the private name depends on the layer and on the version of
    Keras that wrote the file.
    """
    return _PRIVATE.sub(r"/\1", group)
