"""Whether a candidate's outputs vary without any change, where the golden's did not."""

from fpcheck.codec import Value
from fpcheck.diagnosis.case import Case
from fpcheck.fingerprint.structure import Layer

# What the coarsest usual arithmetic, bfloat16, was measured to make, and some more.
_ROUNDING = 0.1
_RANDOM = ("Dropout", "Noise", "Random", "BatchNormalization")


class Unsteady(Value, frozen=True):
    """What varies, in words, and the first layer that does, where that is known."""

    says: str
    where: str


def unsteady(case: Case) -> Unsteady | None:
    """What of the candidate's outputs varies by more than is allowed; None where nothing does."""
    noise, golden = case.comparison.closer.noise, case.golden.outputs
    if noise is None or golden is None or not case.only_outputs:
        return None
    allowed = case.comparison.tolerances.allowed_outputs(golden)
    told = {
        "the same probe twice differs by": (noise.repeat, golden.noise.repeat),
        "one by one and in a batch differ by": (noise.batch_size, golden.noise.batch_size),
        "predict() and a call differ by": (noise.predict, golden.noise.predict),
    }
    for words, (now, was) in told.items():
        # Compiled or in another batch, a sound model may be rounded otherwise.
        least = allowed if now == noise.repeat else max(allowed, _ROUNDING)
        if now is not None and not now <= least and (was is None or was <= least):
            where = case.pairing.to_golden.get(noise.where or "", noise.where or "")
            says = f"{words} {now:.2g} of its RMS, in the {case.reference} by {was or 0:.2g}"
            return Unsteady(says, where)
    return None


def acts_in_training(case: Case, path: str) -> bool:
    """Whether a layer acts otherwise in training; of no layer, whether any does."""
    layers = [case.layers[path]] if path in case.layers else list(case.layers.values())
    return any(_acts(layer) for layer in layers)


def _acts(layer: Layer) -> bool:
    rates = ("dropout", "recurrent_dropout")
    return any(word in layer.class_name for word in _RANDOM) or any(
        layer.training.get(rate) for rate in rates
    )
