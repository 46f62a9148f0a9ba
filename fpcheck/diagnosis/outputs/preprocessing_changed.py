"""The model is the golden one, but its inputs are prepared otherwise."""

from collections.abc import Iterator

from fpcheck.comparison.output_findings import matching_alternative
from fpcheck.diagnosis.case import Case
from fpcheck.report.report import Diagnosis

_SAYS = {
    "none": "left out: raw pixels, 0 to 255, are fed",
    "unit": "pixels are divided by 255 only",
    "caffe": "mode 'caffe' is used (BGR, means subtracted)",
    "tf": "mode 'tf' is used (-1 to 1)",
    "torch": "mode 'torch' is used (0 to 1, then normalised)",
    "channels-reversed": "the colour channels are reversed before it",
    "channels-reversed-after": "the colour channels are reversed after it",
    "twice": "it is applied twice",
}


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where outputs differ although structure and weights are equal."""
    golden, candidate = case.golden.outputs, case.candidate.outputs
    if golden is None or candidate is None or not case.only_outputs:
        return
    allowed = case.comparison.tolerances.allowed_outputs(golden)
    name = matching_alternative(golden, candidate, allowed)
    if name is not None:
        now, confidence = f"{_SAYS[name]}; the {case.reference} was recorded with", 0.99
        seen = f"the outputs equal those that the {case.reference} stores for '{name}'"
    elif candidate.preprocess != golden.preprocess:
        now, confidence = f"'{candidate.preprocess}', the {case.reference} was recorded with", 0.9
        seen = "the outputs differ"
    else:
        return
    case.tell(case.found("output-changed"))
    yield Diagnosis(
        code="preprocessing-changed",
        layers=[],
        confidence=confidence,
        summary=f"Preprocessing differs: {now} '{golden.preprocess}'.",
        evidence=[f"structure and weights equal the {case.reference}", seen],
        advice=f"Prepare inputs as the {case.reference} does: --preprocess {golden.preprocess}.",
    )
