"""Whether a weights-only file contains a part of a model on purpose, or lost the missing layers.

A part is one of several shards, the file of an inner model, the head of the model, its body, or a
small share of its layers. A file of the whole model names every layer, also those without weights.
So a layer that is named without tensors, or that only a file of the whole names, shows a loss.
"""

from collections import Counter
from collections.abc import Sequence

from fpcheck.fingerprint.structure import SHARD, Layer, Structure
from fpcheck.layout.layer_matching import LayerMatch, shapes

# No file is known that lost more than three of four layers; files of a few layers are common.
_SMALL = 1 / 4


def is_part(
    file: Structure, empty: Sequence[Layer], match: LayerMatch, architecture: Structure
) -> bool:
    """Whether the layers that a file lacks are in other files; it names `empty` without tensors."""
    if SHARD in file.not_stored:
        return True
    own = {path: architecture.by_path[name] for path, name in match.layers.items()}
    fit = all(
        layer.path in own and Counter(shapes(layer)) == Counter(shapes(own[layer.path]))
        for layer in file.layers
    )
    weighted = [layer.path for layer in architecture.weighted]
    present = {own[layer.path].path for layer in file.layers if layer.path in own}
    missing = [path for path in weighted if path not in present]
    named = {own[layer.path].path for layer in empty if layer.path in own}
    if not fit or not present or not missing or named & {*missing}:
        return False
    if match.below is not None:
        return present == {path for path in weighted if path.startswith(f"{match.below}/")}
    if _is_body(present, missing, named, architecture):
        return True
    inputs = {port.source.layer for port in architecture.inputs if port.source}
    small = len(present) <= _SMALL * len(weighted)
    return not named & inputs and (small or _is_head(present, missing, named, architecture))


def _is_head(present: set[str], missing: list[str], named: set[str], whole: Structure) -> bool:
    """Whether they are the last layers, and at most as many as the layers before them."""
    if len(present) > len(missing):
        return False
    if not whole.outputs:  # without a graph, the rest must be one inner model
        inner, own = ({path.partition("/")[0] for path in side} for side in (missing, present))
        return len(inner) == 1 and not inner & own
    position = {layer.path: number for number, layer in enumerate(whole.layers)}
    start = max(position[path] for path in missing)
    return all(position[path] > start for path in present | named)


def _is_body(present: set[str], missing: list[str], named: set[str], whole: Structure) -> bool:
    """Whether they are the first layers, and the file names none of the last.

    If only the last layer is missing, the file must also omit a layer without weights after it,
    which a file of the whole model would name.
    """
    if not whole.outputs:
        return False
    position = {layer.path: number for number, layer in enumerate(whole.layers)}
    end = max(position[path] for path in present)
    if any(position[path] < end for path in missing) or any(position[p] > end for p in named):
        return False
    outer = (layer for layer in whole.layers[end + 1 :] if "/" not in layer.path)
    without_weights = (layer.class_name for layer in outer if not layer.stored)
    return len(missing) > 1 or any(not name.startswith("ops.") for name in without_weights)
