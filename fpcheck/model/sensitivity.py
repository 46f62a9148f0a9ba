"""Which layers the probes do not reach: other weights there do not change the outputs."""

import math
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fpcheck.codec import Array
from fpcheck.errors import UnavailableError
from fpcheck.fingerprint.outputs import Reach, largest_difference
from fpcheck.model.execution import forward, restored, run
from fpcheck.model.layer_watch import LayerWatch, running_backend, to_numpy
from fpcheck.model.live_graph import Place, own_variables, walk
from fpcheck.model.user_code import attempt

# Each value of a layer is changed by this share of the tensor's RMS, or by ten times the allowed
# difference if that is more. The layer is reached if an output then changes by more than allowed.
NUDGE = 0.01
NUDGE_PER_ALLOWED = 10.0
# Computes other values for a variable.
Change = Callable[[Any], Array]
# To try a layer, the model runs twice for each change. Layers for which this much processor time
# (of each core, if the model runs on all cores) is not enough are reported as untried. Processor
# time does not depend on how busy the machine is.
NUDGE_SECONDS = 120.0


def reach(model: Any, arrays: list[Array], allowed: float, gradients: bool) -> Reach:
    """Which weighted layers change no output by more than `allowed`, whatever their weights are.

    To first order, random independent changes of size d in every value of a tensor change a scalar
    by d |gradient|. The scalar is a random projection of all logits, and one backward pass gives
    the gradients of all tensors. If that change is too small, or there is no gradient (integer
    weights, rounding, lookups), the layer's weights are changed a little, then replaced, and the
    model is run each time. `gradients` allows the backward pass. It may crash the process, so never
    in a user's own. A process that may try it runs the model on one core.
    """
    nudge = max(NUDGE, NUDGE_PER_ALLOWED * allowed)
    places = [place for place in walk(model) if own_variables(place.layer)]
    known, scale = _gradients(model, arrays, places) if gradients else ({}, 1.0)
    unreached: list[str] = []
    untried: list[str] = []
    most = time.process_time() + NUDGE_SECONDS * (1 if gradients else os.cpu_count() or 1)
    for place in places:
        own = own_variables(place.layer)
        effects = [nudge * _size(v) * known[id(v)] / scale for v in own if id(v) in known]
        if max(effects, default=0.0) > allowed:
            continue
        if time.process_time() > most:
            untried.append(place.path)
            continue
        nudged: list[Change] = [partial(_nudged, nudge=nudge)] if len(effects) < len(own) else []
        changes = [*nudged, _replaced]
        if all(_moved(model, arrays, place, change) <= allowed for change in changes):
            unreached.append(place.path)
    return Reach(tuple(unreached), tuple(untried))


def _gradients(
    model: Any, arrays: list[Array], places: list[Place]
) -> tuple[dict[int, float], float]:
    """The norm of each tensor's gradient, and the size of the scalar that it belongs to."""
    variables = [v for place in places for v in own_variables(place.layer) if _is_floating(v)]
    gradients = running_backend().gradients
    target = partial(_projected, model, arrays)
    # An operation without a gradient may raise any class.
    taken = attempt(lambda: gradients(target, variables), None) if gradients else None
    if taken is None:
        return {}, 1.0
    logits, found = taken
    pairs = zip(variables, found, strict=True)
    norms = {id(variable): _norm([g]) for variable, g in pairs if g is not None}
    # The projection of a vector by random signs is as large as its norm.
    return norms, _norm(logits) or 1.0


def _projected(model: Any, arrays: list[Array]) -> tuple[Any, list[Any]]:
    """A random projection of all logits of a model, and the logits."""
    import keras

    _, before = forward(model, arrays, LayerWatch())
    logits = [keras.ops.cast(tensor, "float32") for tensor, _ in before]
    parts = [keras.ops.sum(keras.ops.multiply(t, _signs(t.shape))) for t in logits]
    return sum(parts[1:], parts[0]), logits


def _signs(shape: Any) -> Array:
    """Fixed signs that look random: the top bits of a multiplicative hash of the index."""
    indices = np.arange(int(np.prod(shape)), dtype=np.uint32)
    bits = ((indices * np.uint32(2654435761)) >> 15) & 1
    return np.asarray(1.0 - 2.0 * bits, np.float32).reshape(tuple(shape))


def _norm(tensors: list[Any]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(to_numpy(t).astype(np.float64))) for t in tensors)))


def _is_floating(variable: Any) -> bool:
    import keras

    return bool(keras.backend.is_float_dtype(keras.backend.standardize_dtype(variable.dtype)))


def _size(variable: Any) -> float:
    values = _values(variable)
    return float(np.sqrt(np.mean(values * values))) or 1.0 if values.size else 1.0


def _values(variable: Any) -> Array:
    return to_numpy(variable.value).astype(np.float64)


def _nudged(variable: Any, nudge: float) -> Array:
    values, step = _values(variable), nudge * _size(variable)
    if not _is_floating(variable):
        step = max(1.0, step)
    return values + step * _signs(values.shape)


def _replaced(variable: Any) -> Array:
    """Other values of the same scale: in reverse order, and negated if both signs occur.

    Values that are never negative stay so, since layers take the square root of a variance.
    """
    values = _values(variable)
    other = values.ravel()[::-1].reshape(values.shape)
    if not _is_floating(variable):
        return other
    if not values.any():
        return _signs(values.shape).astype(np.float64)
    return -other if values.min() < 0 < values.max() else 1.5 * other


def _moved(model: Any, arrays: list[Array], place: Place, change: Change) -> float:
    """By how much outputs change if every variable of a layer is changed; infinity for NaN."""

    def logits() -> tuple[Array, ...]:
        _refresh(place.layer)
        return tuple(a.logits for a in run(model, arrays)[0])

    own = own_variables(place.layer)
    before = logits()
    try:
        with restored(own):
            for variable in own:
                variable.assign(change(variable).astype(np.float32))
            moved = largest_difference(before, logits())
    except UnavailableError:  # an index is out of bounds, so the change shows
        return math.inf
    finally:
        _refresh(place.layer)
    return math.inf if math.isnan(moved) else moved


def _refresh(layer: Any) -> None:
    """Make Normalization derive the constants that it computes with from its weights again."""
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()
