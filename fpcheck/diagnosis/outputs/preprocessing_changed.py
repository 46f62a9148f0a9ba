"""The model equals the golden, but its inputs are preprocessed differently."""

from fpcheck.comparison.output_findings import matching_alternative
from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis

_MISTAKES = {
    "none": "the model gets raw pixels (0 to 255)",
    "unit": "pixels are only divided by 255",
    "caffe": "mode 'caffe' is used (BGR, means subtracted)",
    "tf": "mode 'tf' is used (-1 to 1)",
    "torch": "mode 'torch' is used (0 to 1, then normalised)",
    "channels-reversed": "the colour channels are reversed before preprocessing",
    "channels-reversed-after": "the colour channels are reversed after preprocessing",
    "twice": "preprocessing is applied twice",
}


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where outputs differ although structure and weights are equal."""
    golden, candidate = case.golden.outputs, case.candidate.outputs
    if golden is None or candidate is None or not case.only_outputs:
        return
    allowed = case.comparison.tolerances.allowed_outputs(golden)
    name = matching_alternative(golden, candidate, allowed)
    if name is not None:
        mistake, confidence = _MISTAKES[name], 0.99
        proof = f"the outputs equal those that the {case.reference} stores for '{name}'"
    elif candidate.preprocess != golden.preprocess:
        mistake, confidence = f"'{candidate.preprocess}' is used", 0.9
        proof = "the outputs differ"
    else:
        return
    case.explain(case.unexplained("output-changed"))
    yield diagnosis(
        "preprocessing-changed",
        [],
        f"Preprocessing differs: {mistake}; the {case.reference} was recorded with "
        f"'{golden.preprocess}'.",
        [f"structure and weights equal the {case.reference}", proof],
        f"Preprocess inputs as for the {case.reference}: --preprocess {golden.preprocess}.",
        confidence,
    )
