"""The outputs of a good model: run here, and elsewhere with other arithmetic, to know the noise."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np

from fpcheck.codec import Array
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.outputs import Outputs, Reach, largest_difference
from fpcheck.model.remote import RemoteSession
from fpcheck.model.session import OutputPlan, Session
from fpcheck.model.source import Kind, Options, Source
from fpcheck.workflows.opening import brought

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
    session: Session, source: Source, options: Options, plan: OutputPlan
) -> Outputs:
    """What a model gives, how much that varies, and which layers the probes reach.

    Raises:
        FpcheckError: it gives what is not finite, or other outputs each time.
    """
    if source.kind is Kind.MEMORY:
        outputs = session.outputs(plan)
        _check_sound(source, outputs)
        return msgspec.structs.replace(outputs, reach=session.reach(plan))
    with ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(_measured_elsewhere, source, options, plan)
        outputs = session.outputs(plan)
        _check_sound(source, outputs)
        logits, reach = elsewhere.result()
    threads = largest_difference(tuple(a.logits for a in outputs.answers), logits)
    noise = msgspec.structs.replace(outputs.noise, threads=threads)
    outputs = msgspec.structs.replace(outputs, noise=noise, reach=reach)
    _check_sound(source, outputs)
    return outputs


def _measured_elsewhere(
    source: Source, options: Options, plan: OutputPlan
) -> tuple[tuple[Array, ...], Reach]:
    """The same answers from another process with other arithmetic, and what the probes reach."""
    with RemoteSession(OTHER_ARITHMETIC) as other, brought(source, options) as (local, given):
        other.open(local, given)
        logits = tuple(a.logits for a in other.answers(plan))
        weighted = [layer.path for layer in other.structure().layers if layer.tensors]
        try:
            return logits, other.reach(plan)
        except FpcheckError:  # the process has crashed; the recording need not
            return logits, Reach(untried=tuple(weighted))


def _check_sound(source: Source, outputs: Outputs) -> None:
    """Refuse outputs that are not finite, or not the same each time."""
    without = "or record it without outputs: --levels structure,weights"
    finite = (np.isfinite(a.logits).all() and np.isfinite(a.final).all() for a in outputs.answers)
    if not all(finite):
        raise FpcheckError(
            f"{source.text}: gives NaN or infinity on its probes, so it cannot be approved",
            f"Mend the model, {without}",
        )
    if not outputs.noise.largest <= LARGEST_NOISE:
        raise FpcheckError(
            f"{source.text}: gives other outputs each time (difference {outputs.noise.largest:.2g} "
            "of their RMS), so they prove nothing",
            f"Turn off what is random or keeps state in inference, {without}",
        )
