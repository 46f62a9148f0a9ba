"""Whether a weights-only file holds one part of a model on purpose, or lost what it lacks.

A part is one of several shards, the file of a model inside the model, its head, its body, or a
small share of its layers. A file of the whole names every layer, also those without weights; so a
layer that is named and empty, or named where only the whole has it, shows a file that lost layers.
"""

from collections import Counter
from collections.abc import Sequence

from fpcheck.fingerprint.structure import SHARD, Layer, Structure
from fpcheck.layout.layer_matching import Belonging, has_weights, shapes

# A file that lost more than three of four layers is not known; files of a few layers are common.
_SMALL = 1 / 4


def is_part(
    file: Structure, bare: Sequence[Layer], found: Belonging, architecture: Structure
) -> bool:
    """Whether what a file lacks of an architecture lies elsewhere.

    Args:
        file: of a file that holds weights only.
        bare: layers that the file names and of which it holds no tensor.
        found: which layers of the architecture they are.
        architecture: the whole.
    """
    if SHARD in file.untold:
        return True
    layers = architecture.by_path
    weighted = [layer.path for layer in architecture.layers if has_weights(layer)]
    held = {found.layers[la.path] for la in file.layers if la.path in found.layers}
    lacking = [path for path in weighted if path not in held]
    whole = all(
        la.path in found.layers
        and Counter(shapes(la)) == Counter(shapes(layers[found.layers[la.path]]))
        for la in file.layers
    )
    named = {found.layers[la.path] for la in bare if la.path in found.layers}
    if not whole or not held or not lacking or named & {*lacking}:
        return False
    if found.below is not None:
        return held == {path for path in weighted if path.startswith(f"{found.below}/")}
    order = {layer.path: place for place, layer in enumerate(architecture.layers)}
    inputs = {port.source.layer for port in architecture.inputs if port.source}
    if _is_body(held, lacking, named, architecture, order):
        return True
    few = len(held) <= _SMALL * len(weighted)
    return not named & inputs and (few or _is_head(held, lacking, named, architecture, order))


def _is_head(
    held: set[str], lacking: Sequence[str], named: set[str], architecture: Structure,
    order: dict[str, int],
) -> bool:  # fmt: skip
    """The last layers, and no larger than what comes before them."""
    if len(held) > len(lacking):
        return False
    if not architecture.outputs:  # layers stand in no order: the rest is one model inside
        inside = {path.partition("/")[0] for path in lacking}
        return len(inside) == 1 and not any(path.partition("/")[0] in inside for path in held)
    start = max(order[path] for path in lacking)
    return all(order[path] > start for path in held | named)


def _is_body(
    held: set[str], lacking: Sequence[str], named: set[str], architecture: Structure,
    order: dict[str, int],
) -> bool:  # fmt: skip
    """The first layers, without any sign of the last.

    Where the one last layer is all that is missing, only a layer without weights beside it, which
    a file of the whole would name, tells that it was left out on purpose.
    """
    if not architecture.outputs:
        return False
    end = max(order[path] for path in held)
    if any(order[path] < end for path in lacking) or any(order[path] > end for path in named):
        return False
    behind = [la for la in architecture.layers if order[la.path] > end]
    beside = [la for la in behind if not has_weights(la) and "/" not in la.path
              and not la.class_name.startswith("ops.")]  # fmt: skip
    return len(lacking) > 1 or bool(beside)
