"""In which group of a weight file Keras 3 looks for each layer: by class and position, not name."""

from collections.abc import Iterator

from fpcheck.fingerprint.structure import Layer, Structure
from fpcheck.layout.group_names import ATTENTIONS, PROJECTIONS, snake_case, unique_name

# The attributes with which Keras's layers refer to inner layers, in the order of those.
_ATTRIBUTES = {
    "Bidirectional": ("forward_layer", "backward_layer"),
    **dict.fromkeys(("TimeDistributed", "SpectralNormalization"), ("layer",)),
    **dict.fromkeys(("RNN", "LSTM", "GRU", "SimpleRNN"), ("cell",)),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), ("cell",)),
}


def groups_of(structure: Structure) -> dict[str, str]:
    """The public path of each group, and the path of its layer; empty for models without graph."""
    if not structure.outputs:
        return {}
    children: dict[str, list[Layer]] = {}
    for layer in structure.layers:
        parent = layer.path.rpartition("/")[0]
        while parent and parent not in structure.by_path:
            parent = parent.rpartition("/")[0]
        children.setdefault(parent, []).append(layer)
    return dict(_numbered(children, "", "layers/"))


def _numbered(
    children: dict[str, list[Layer]], parent: str, prefix: str
) -> Iterator[tuple[str, str]]:
    """The layers of a model, or of a list of cells."""
    used: dict[str, int] = {}
    for layer in children.get(parent, []):
        if layer.class_name.startswith("ops."):
            continue
        name = snake_case(layer.class_name.rpartition(">")[2])
        yield from _with_inner(children, layer, prefix + unique_name(name, used))


def _with_inner(
    children: dict[str, list[Layer]], layer: Layer, group: str
) -> Iterator[tuple[str, str]]:
    yield group, layer.path
    kind, inner = layer.class_name, children.get(layer.path, [])
    if is_model(layer):
        yield from _numbered(children, layer.path, f"{group}/layers/")
    elif kind == "StackedRNNCells":
        yield from _numbered(children, layer.path, f"{group}/cells/")
    elif kind in ATTENTIONS:
        for child in inner:
            attribute = PROJECTIONS.get(child.path.rpartition("/")[2], "")
            yield from _with_inner(children, child, f"{group}/{attribute}")
    else:
        for attribute, child in zip(_ATTRIBUTES.get(kind, ()), inner, strict=False):
            yield from _with_inner(children, child, f"{group}/{attribute}")


def is_model(layer: Layer) -> bool:
    """Whether a layer is a model whose graph is known."""
    config = layer.config or {}
    return layer.class_name in ("Functional", "Sequential") or {"inputs", "outputs"} <= {*config}
