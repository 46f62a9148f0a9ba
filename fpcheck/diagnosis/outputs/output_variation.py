"""Whether a candidate's outputs vary between equal runs, where the golden's did not."""

from fpcheck.codec import Value
from fpcheck.diagnosis.case import Case

# Measured for bfloat16, the coarsest usual arithmetic, with a margin.
_ROUNDING = 0.1
_RANDOM = ("Dropout", "Noise", "Random", "BatchNormalization")


class Variation(Value, frozen=True):
    """What varies, in words, and the first layer that varies; empty where that is unknown."""

    text: str
    layer: str


def find_variation(case: Case) -> Variation | None:
    """What varies more than is allowed; None where nothing does."""
    noise, golden = case.comparison.closer.noise, case.golden.outputs
    if noise is None or golden is None or not case.only_outputs:
        return None
    allowed = case.comparison.tolerances.allowed_outputs(golden)
    # A compiled model, or another batch size, may change the rounding of a sound model.
    rounding = max(allowed, _ROUNDING)
    for text, now, was, least in (
        ("two runs of the same probe", noise.repeat, golden.noise.repeat, allowed),
        ("single probes and a batch", noise.batch_size, golden.noise.batch_size, rounding),
        ("predict() and a direct call", noise.predict, golden.noise.predict, rounding),
    ):
        if now is not None and not now <= least and (was is None or was <= least):
            layer = case.pairing.to_golden.get(noise.where or "", noise.where or "")
            amounts = f"{now:.2g} of their RMS ({case.reference}: {was or 0:.2g})"
            return Variation(f"{text} differ by {amounts}", layer)
    return None


def differs_in_training(case: Case, path: str) -> bool:
    """Whether a layer computes differently in training; for an unknown path, whether any does."""
    return any(
        any(word in layer.class_name for word in _RANDOM)
        or any(layer.training.get(rate) for rate in ("dropout", "recurrent_dropout"))
        for layer in ([case.layers[path]] if path in case.layers else case.layers.values())
    )
