"""The similarity of two structures, to name the golden that a model nearly equals."""

from collections import Counter

from fpcheck.fingerprint.structure import Structure

# A golden with a smaller similarity is not named.
LEAST_SIMILAR = 0.5


def likeness(one: Structure, other: Structure) -> float:
    """The share of layers with weights that have the same shapes on both sides, 0 to 1.

    Layers without weights do not count, because every network has activations and additions. Names
    and classes do not count, because a file of weights alone does not contain them.
    """
    ours, theirs = map(_shapes, (one, other))
    common = sum((ours & theirs).values())
    return common / max(sum(ours.values()), sum(theirs.values()), 1)


def _shapes(structure: Structure) -> Counter[tuple[tuple[int, ...], ...]]:
    shapes = (tuple(t.shape for t in la.tensors if not t.derived) for la in structure.layers)
    return Counter(layer_shapes for layer_shapes in shapes if layer_shapes)
