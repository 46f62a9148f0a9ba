"""Where Keras 3 looks for each layer's tensors in a weight file: by class and place, not name."""

from collections.abc import Iterator

from fpcheck.fingerprint.structure import Layer, Structure
from fpcheck.layout.group_names import ATTENTIONS, PROJECTIONS, snake_case, unique_name

# Attributes in which layers of the framework hold others, in the order of those.
_HELD = {
    "Bidirectional": ("forward_layer", "backward_layer"),
    "TimeDistributed": ("layer",),
    "SpectralNormalization": ("layer",),
    "RNN": ("cell",),
    "LSTM": ("cell",),
    "GRU": ("cell",),
    "SimpleRNN": ("cell",),
    "ConvLSTM1D": ("cell",),
    "ConvLSTM2D": ("cell",),
    "ConvLSTM3D": ("cell",),
}


def stores(structure: Structure) -> dict[str, str]:
    """Public place in a weight file to path of the layer; nothing for models without a graph."""
    if not structure.outputs:
        return {}
    below: dict[str, list[Layer]] = {}
    paths = {layer.path for layer in structure.layers}
    for layer in structure.layers:
        parent = layer.path.rpartition("/")[0]
        while parent and parent not in paths:
            parent = parent.rpartition("/")[0]
        below.setdefault(parent, []).append(layer)
    return dict(_listed(below, "", "layers/"))


def _listed(below: dict[str, list[Layer]], parent: str, prefix: str) -> Iterator[tuple[str, str]]:
    """The layers of a model, or of a list of cells."""
    used: dict[str, int] = {}
    for layer in below.get(parent, []):
        if layer.class_name.startswith("ops."):
            continue
        name = snake_case(layer.class_name.rpartition(">")[2])
        yield from _with_inner(below, layer, prefix + unique_name(name, used))


def _with_inner(
    below: dict[str, list[Layer]], layer: Layer, store: str
) -> Iterator[tuple[str, str]]:
    yield store, layer.path
    kind, inner = layer.class_name, below.get(layer.path, [])
    if is_model(layer):
        yield from _listed(below, layer.path, f"{store}/layers/")
    elif kind == "StackedRNNCells":
        yield from _listed(below, layer.path, f"{store}/cells/")
    elif kind in ATTENTIONS:
        for held in inner:
            attribute = PROJECTIONS.get(held.path.rpartition("/")[2], "")
            yield from _with_inner(below, held, f"{store}/{attribute}")
    else:
        for attribute, held in zip(_HELD.get(kind, ()), inner, strict=False):
            yield from _with_inner(below, held, f"{store}/{attribute}")


def is_model(layer: Layer) -> bool:
    """Whether it is a model that says how its layers are connected."""
    config = layer.config or {}
    return layer.class_name in ("Functional", "Sequential") or {"inputs", "outputs"} <= {*config}
