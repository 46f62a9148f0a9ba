"""The first layer that differs although its inputs do not."""

from collections.abc import Iterable

import numpy as np

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
    """The golden's path of that layer; the candidate's path for a layer that only it has.

    A layer differs if its weights or configuration do, or if its activations differ while those of
    its inputs are equal. The result is the first such layer in the golden's order.
    """
    structure = golden.structure
    errors = (f for f in findings if f.severity == "error" and f.level != "outputs")
    paths = {finding.layer for finding in errors}
    expected, actual = golden.outputs, candidate.outputs
    # With other preprocessing, the inputs of the first layer differ already.
    if expected is not None and actual is not None and expected.preprocess == actual.preprocess:
        allowed = tolerances.allowed_outputs(expected)
        paths.add(by_activations(expected, actual, structure, pairing, allowed))
    places = _places(structure, candidate.structure, pairing)
    layers = {visible_layer(structure, path) for path in paths if path}
    return min(layers & places.keys(), key=places.__getitem__, default=None)


def _places(golden: Structure, candidate: Structure, pairing: Pairing) -> dict[str, float]:
    """The place of each layer in the golden's order; an added layer comes after its predecessor."""
    places = {layer.path: float(place) for place, layer in enumerate(golden.layers)}
    before = -1.0
    for layer in candidate.layers:
        if layer.path in pairing.to_golden:
            before = places[pairing.to_golden[layer.path]]
        else:
            places.setdefault(layer.path, before + 0.5)
    return places


def visible_layer(structure: Structure, path: str) -> str:
    """The layer whose configuration describes this one: the LSTM around its cell."""
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
    """The first layer, in the order of calls, whose activations differ while its inputs do not.

    `structure` is the golden's, and `allowed` the relative difference of an activation.
    """
    # The calls of a shared layer may come in another order: each must equal one of the others.
    in_candidate: dict[str, list[Activation]] = {}
    for activation in candidate.activations:
        in_candidate.setdefault(activation.layer, []).append(activation)
    differing: dict[str, None] = {}
    for was in golden.activations:
        others = in_candidate.get(pairing.to_candidate.get(was.layer, ""), [])
        calls = [o for o in others if structure.is_shared(was.layer) or o.call == was.call]
        equal = next((o for o in calls if _is_equal(was, o, allowed)), None)
        if equal is not None:
            others.remove(equal)
        elif calls:
            differing[was.layer] = None
    inner = [path for path in differing if not any(o.startswith(path + "/") for o in differing)]
    inbound = {layer.path: layer.inbound for layer in structure.layers}
    first = (path for path in inner if not differing.keys() & {*inbound.get(path, ())})
    return next(first, inner[0] if inner else None)


def _is_equal(expected: Activation, actual: Activation, allowed: float) -> bool:
    same = np.array_equal(expected.sketch, actual.sketch)
    return same or within(sketch.distance(expected.sketch, actual.sketch), allowed * expected.norm)
