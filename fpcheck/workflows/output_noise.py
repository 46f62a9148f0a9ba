"""The outputs of a good model, and their noise, measured in a second process as well."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from msgspec.structs import replace

from fpcheck.backends import other_arithmetic
from fpcheck.codec import Array
from fpcheck.comparison.weight_findings import relative_distance
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.outputs import Outputs, Reach, largest_difference
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.questions import OutputRequest
from fpcheck.model.source import Kind, Options, Source
from fpcheck.model.worker_client import WorkerClient
from fpcheck.workflows.open_model import brought

Weights = tuple[Measurement, ...]
# Comparisons allow ten times the noise. With more than this, they would allow nearly anything.
LARGEST_NOISE = 0.01


def measured_outputs(
    model: OpenedModel, source: Source, options: Options, how: OutputRequest, read: Weights | None
) -> Outputs:
    """The outputs of a model, their noise, and which layers the probes reach.

    FpcheckError if they are not finite or vary, or if a function returns other weights each time.
    """
    if source.kind is Kind.MEMORY:
        outputs = model.running().outputs(how)
        _check_sound(source, outputs, how.allowed)
        return replace(outputs, reach=model.running().reach(how))
    known = (read or model.contents.weights()) if source.kind is Kind.CALLABLE else None
    with ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(_measured_elsewhere, source, options, how, known)
        outputs = model.running().outputs(how)
        _check_sound(source, outputs, how.allowed)
        logits, reach = elsewhere.result()
    threads = largest_difference(tuple(a.logits for a in outputs.answers), logits)
    outputs = replace(outputs, noise=replace(outputs.noise, threads=threads), reach=reach)
    _check_sound(source, outputs, how.allowed)
    return outputs


def _measured_elsewhere(
    source: Source, options: Options, how: OutputRequest, known: Weights | None
) -> tuple[tuple[Array, ...], Reach]:
    """The logits in another process, which rounds differently, and which layers the probes reach.

    `known` are the weights of a model that a function returns, to check that they are the same.
    """
    with WorkerClient(other_arithmetic()) as other, brought(source, options) as (local, given):
        other.open(local, given)
        if known is not None:
            check_weights(source, known, other.model.weights(frozenset(m.digest for m in known)))
        logits = tuple(a.logits for a in other.model.answers(how))
        weighted = tuple(la.path for la in other.model.structure().layers if la.tensors)
        try:
            return logits, other.model.reach(how)
        except FpcheckError:  # the process has crashed, but its logits are known
            return logits, Reach(untried=weighted)


def check_weights(source: Source, first: Weights, second: Weights) -> None:
    """Refuse a function that returns other weights at each call, beyond rounding."""
    changed = sum(map(_is_other, first, second))
    if changed or len(first) != len(second):
        raise FpcheckError(
            f"{source.text}: initialises its weights anew at each call: {changed} of {len(first)} "
            "tensors differ between two calls, so no later model could match",
            "Call keras.utils.set_random_seed(0) at the start of the function, or load trained "
            "weights in it.",
        )


def _is_other(one: Measurement, other: Measurement) -> bool:
    if one.digest == other.digest:
        return False
    if one.details is None or other.details is None:
        return True
    return not relative_distance(one.details, other.details) <= LARGEST_NOISE


def _check_sound(source: Source, outputs: Outputs, allowed: float) -> None:
    """Refuse outputs that are not finite, or differ from run to run."""
    without = "or record it without outputs: --levels structure,weights"
    finite = (np.isfinite(a.logits).all() and np.isfinite(a.final).all() for a in outputs.answers)
    if not all(finite):
        raise FpcheckError(
            f"{source.text}: returns NaN or infinity on its probes, so it cannot be approved",
            f"Correct the model, {without}",
        )
    # With arithmetic of few bits, the noise may be what its tolerance class allows.
    if not outputs.noise.largest <= max(LARGEST_NOISE, allowed):
        raise FpcheckError(
            f"{source.text}: outputs differ from run to run, by {outputs.noise.largest:.2g} of "
            "their RMS, so no later outputs could match",
            f"Turn off random operations and state that inference changes, {without}",
        )
