"""The outputs of a good model: run here, and elsewhere with other arithmetic, to know the noise."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np

from fpcheck.codec import Array, Value
from fpcheck.comparison.weight_findings import relative_distance
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.outputs import Outputs, Reach, largest_difference
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.runner import OutputPlan
from fpcheck.model.source import Kind, Options, Source
from fpcheck.model.worker_client import RemoteSession
from fpcheck.workflows.model_access import brought

Weights = tuple[Measurement, ...]
# The second run, for noise: one thread, and TensorFlow's oneDNN kernels off if they are on. It is
# here, too, that a backward pass is tried, since those kernels have been seen to crash in one.
OTHER_ARITHMETIC = {
    "TF_NUM_INTRAOP_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "0",
    "NPROC": "1",  # JAX
    "OMP_NUM_THREADS": "1",  # PyTorch
}  # fmt: skip
# Ten times the noise is allowed later; beyond this, nearly anything would be.
LARGEST_NOISE = 0.01


def measured_outputs(
    model: OpenedModel, source: Source, options: Options, plan: OutputPlan, weights: Weights | None
) -> Outputs:
    """What a model gives, how much that varies, and which layers the probes reach.

    Args:
        model: the model.
        source: what is recorded.
        options: how it is loaded.
        plan: how to take the outputs.
        weights: its measured weights, if they are recorded too.

    Raises:
        FpcheckError: it gives what is not finite, or other outputs each time; or a function gives
            other weights each time.
    """
    if source.kind is Kind.MEMORY:
        outputs = model.running().outputs(plan)
        _check_sound(source, outputs, plan.allowed)
        return msgspec.structs.replace(outputs, reach=model.running().reach(plan))
    known = (weights or model.contents.weights()) if source.kind is Kind.CALLABLE else None
    with ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(_measured_elsewhere, source, options, plan, known)
        outputs = model.running().outputs(plan)
        _check_sound(source, outputs, plan.allowed)
        other = elsewhere.result()
    threads = largest_difference(tuple(a.logits for a in outputs.answers), other.logits)
    noise = msgspec.structs.replace(outputs.noise, threads=threads)
    outputs = msgspec.structs.replace(outputs, noise=noise, reach=other.reach)
    _check_sound(source, outputs, plan.allowed)
    return outputs


class _Elsewhere(Value, frozen=True, eq=False):
    """What another process gives: its answers, and what the probes reach."""

    logits: tuple[Array, ...]
    reach: Reach


def _measured_elsewhere(
    source: Source, options: Options, plan: OutputPlan, known: Weights | None
) -> _Elsewhere:
    """The same in another process with other arithmetic.

    Args:
        source: what is recorded.
        options: how it is loaded.
        plan: how to take the outputs.
        known: the weights of a model that a function makes, which may make others each time.
    """
    with RemoteSession(OTHER_ARITHMETIC) as other, brought(source, options) as (local, given):
        other.open(local, given)
        if known is not None:
            check_weights(source, known, other.model.weights(frozenset(m.digest for m in known)))
        logits = tuple(a.logits for a in other.model.answers(plan))
        weighted = [layer.path for layer in other.model.structure().layers if layer.tensors]
        try:
            return _Elsewhere(logits, other.model.reach(plan))
        except FpcheckError:  # the process has crashed; the recording need not
            return _Elsewhere(logits, Reach(untried=tuple(weighted)))


def check_weights(source: Source, first: Weights, second: Weights) -> None:
    """Refuse a function that gives other weights at each call, beyond what rounding explains."""
    changed = sum(map(_is_other, first, second))
    if changed or len(first) != len(second):
        raise FpcheckError(
            f"{source.text}: initialises its weights anew at each call: {changed} of {len(first)} "
            "tensors differ between two calls, so nothing could match later",
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
    """Refuse outputs that are not finite, or not the same each time."""
    without = "or record it without outputs: --levels structure,weights"
    finite = (np.isfinite(a.logits).all() and np.isfinite(a.final).all() for a in outputs.answers)
    if not all(finite):
        raise FpcheckError(
            f"{source.text}: gives NaN or infinity on its probes, so it cannot be approved",
            f"Mend the model, {without}",
        )
    # Arithmetic of few bits is as noisy as its class allows.
    if not outputs.noise.largest <= max(LARGEST_NOISE, allowed):
        raise FpcheckError(
            f"{source.text}: gives other outputs each time (difference {outputs.noise.largest:.2g} "
            "of their RMS), so they prove nothing",
            f"Turn off what is random or keeps state in inference, {without}",
        )
