"""How alike two models are built, to name the one that a model nearly is."""

from collections import Counter

from fpcheck.fingerprint.structure import Structure

# Below this share no golden is named as the nearest.
LEAST_SIMILAR = 0.5


def likeness(one: Structure, other: Structure) -> float:
    """The share of layers with weights that have the same shapes on both sides, 0 to 1.

    Layers without weights do not count: every network has activations and additions. Nor do names
    and classes, which a file of weights alone does not contain.
    """
    ours, theirs = map(_shapes, (one, other))
    common = sum((ours & theirs).values())
    return common / max(sum(ours.values()), sum(theirs.values()), 1)


def _shapes(structure: Structure) -> Counter[tuple[tuple[int, ...], ...]]:
    held = (tuple(t.shape for t in la.tensors if not t.derived) for la in structure.layers)
    return Counter(shapes for shapes in held if shapes)
