"""Equal inputs give different outputs, and no layer is in training mode."""

from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis

# Measured for bfloat16, the coarsest usual arithmetic, with a margin.
_ROUNDING = 0.1
_RANDOM = ("Dropout", "Noise", "Random", "BatchNormalization")


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where outputs vary and no layer in training mode explains it."""
    variation = find_variation(case)
    if variation is None or differs_in_training(case, variation[1]):
        return
    case.explain(case.unexplained("output-changed"))
    text, layer = variation
    where = f" The first layer that varies is {layer}." if layer else ""
    yield diagnosis(
        "nondeterministic",
        [layer],
        f"Outputs vary between equal runs: {text}.{where}",
        [text, f"structure and weights equal the {case.reference}"],
        "Look for random operations, and for state that is kept between calls.",
        confidence=0.95,
    )


def find_variation(case: Case) -> tuple[str, str] | None:
    """What varies more than is allowed, and the first layer that does, empty where unknown."""
    noise, golden = case.comparison.closer_look.noise, case.golden.outputs
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
            return f"{text} differ by {amounts}", layer
    return None


def differs_in_training(case: Case, path: str) -> bool:
    """Whether a layer computes differently in training; for an unknown path, whether any does."""
    return any(
        any(word in layer.class_name for word in _RANDOM)
        or any(layer.training.get(rate) for rate in ("dropout", "recurrent_dropout"))
        for layer in ([case.layers[path]] if path in case.layers else case.layers.values())
    )
