"""The first layer that differs itself while what feeds it does not."""

from collections.abc import Iterable

import numpy as np

from fpcheck.codec import Array
from fpcheck.comparison.finding import Finding, within
from fpcheck.comparison.pairing import Pairing
from fpcheck.comparison.tolerance import Tolerances
from fpcheck.fingerprint import sketch
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.outputs import Activation, Outputs
from fpcheck.fingerprint.structure import Structure


def first_divergent(
    golden: Fingerprint,
    candidate: Fingerprint,
    pairing: Pairing,
    findings: Iterable[Finding],
    tolerances: Tolerances,
) -> str | None:
    """The golden's name of that layer; the candidate's for a layer that only it has.

    A layer whose weights or configuration differ differs itself. Where a layer only computes
    otherwise, its activations differ and those of its inputs do not. Of all such layers, the first
    in the order of the golden.
    """
    structure = golden.structure
    differing = {f.layer for f in findings if f.severity == "error" and f.level != "outputs"}
    found = {visible_layer(structure, path) for path in differing if path}
    ours, theirs = golden.outputs, candidate.outputs
    # With other preprocessing, what is fed differs already.
    if ours is not None and theirs is not None and ours.preprocess == theirs.preprocess:
        allowed = tolerances.allowed_outputs(ours)
        computed = by_activations(ours, theirs, structure, pairing, allowed)
        found |= {visible_layer(structure, computed)} if computed is not None else set()
    places = _places(structure, candidate.structure, pairing)
    known = [path for path in found if path in places]
    return min(known, key=places.__getitem__, default=None)


def _places(golden: Structure, candidate: Structure, pairing: Pairing) -> dict[str, float]:
    """Where layers stand in the golden's order; an added one behind what it follows."""
    own = {layer.path: float(place) for place, layer in enumerate(golden.layers)}
    places = dict(own)
    before = -1.0
    for layer in candidate.layers:
        if layer.path in pairing.to_golden:
            before = own[pairing.to_golden[layer.path]]
        else:
            places.setdefault(layer.path, before + 0.5)
    return places


def visible_layer(structure: Structure, path: str) -> str:
    """The layer whose configuration says all of this one: the LSTM around its cell."""
    layers = structure.by_path
    while path in layers and layers[path].config is None:
        above = layers.get(path.rpartition("/")[0])
        if above is None or above.custom or (above.config is None and above.calls is None):
            break
        path = above.path
    return path


def by_activations(
    golden: Outputs, candidate: Outputs, structure: Structure, pairing: Pairing, allowed: float
) -> str | None:
    """The first layer, in the order of calls, that gives something else while its inputs do not.

    Args:
        golden: holds the sketch of each layer's activations.
        candidate: the same.
        structure: the golden's.
        pairing: of their layers.
        allowed: relative difference of an activation.
    """
    # A shared layer may be called in another order: one of its calls, each for one, must be alike.
    theirs: dict[str, list[Activation]] = {}
    for activation in candidate.activations:
        theirs.setdefault(activation.layer, []).append(activation)
    differing: dict[str, None] = {}
    for own in golden.activations:
        others = theirs.get(pairing.to_candidate.get(own.layer, ""), [])
        given = [o for o in others if structure.is_shared(own.layer) or o.call == own.call]
        same = next((o for o in given if _alike(own.sketch, o.sketch, own.norm, allowed)), None)
        if same is not None:
            others.remove(same)
        elif given:
            differing[own.layer] = None
    inbound = {layer.path: layer.inbound for layer in structure.layers}
    inner = [path for path in differing if not any(o.startswith(path + "/") for o in differing)]
    for path in inner:
        if not any(source in differing for source in inbound.get(path, ())):
            return path
    return inner[0] if inner else None


def _alike(own: Array, other: Array, norm: float, allowed: float) -> bool:
    if np.array_equal(own, other):
        return True
    return within(sketch.distance(own, other), allowed * norm)
