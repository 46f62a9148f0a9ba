"""A layer behaves as in training: dropout is active, or batch statistics are used."""

from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis, some
from fpcheck.diagnosis.outputs.nondeterministic import differs_in_training, find_variation
from fpcheck.fingerprint.structure import trains

_ADVICE = "Call layers without training=True, and export the model in inference mode."


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where the graph shows it, or where outputs vary from such a layer on."""
    pairs = (pair for pair in case.pairing.pairs if trains(pair.candidate.calls or ()))
    layers = [pair.golden.path for pair in pairs if not trains(pair.golden.calls or ())]
    if layers:
        findings = (f for f in case.unexplained("config-changed") if f.layer in layers)
        case.explain(f for f in findings if str(f.metric).startswith("call."))
        yield diagnosis(
            "training-mode-on",
            layers,
            f"The graph calls {some(layers)} with training=True; the {case.reference} does not.",
            [f"{path}: called with training=True" for path in layers],
            _ADVICE,
        )
        return
    variation = find_variation(case)
    if variation is not None and differs_in_training(case, variation[1]):
        case.explain(case.unexplained("output-changed"))
        text, first = variation
        every = [path for path in case.layers if differs_in_training(case, path)]
        layers = [first] if first in case.layers else every
        yield diagnosis(
            "training-mode-on",
            layers,
            f"Training behaviour is active in {some(layers)}: {text}.",
            [text, f"structure and weights equal the {case.reference}"],
            _ADVICE,
            confidence=0.95,
        )
