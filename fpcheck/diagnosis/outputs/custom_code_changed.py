"""The code of a custom layer or function is not the golden's."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where outputs alone differ, and so does the code of a layer."""
    whole = case.comparison.closer.structure
    if not case.only_outputs or whole is None:
        return
    layers = [
        pair.golden.path
        for pair, now in case.paired_with(whole)
        if pair.golden.code and now.code and pair.golden.code != now.code
    ]
    if layers:
        case.tell(case.found("output-changed"))
        classes = {case.layers[path].class_name for path in layers}
        yield Diagnosis(
            code="custom-code-changed",
            layers=layers,
            confidence=0.95,
            summary=f"The code of {some(sorted(classes))} is not that of the {case.reference}.",
            evidence=["weights and configuration are equal", *(f"{p}: another digest of its source"
                                                             for p in layers[:4])],
            advice="Load the model with the code it was approved with: --custom-objects MODULE.",
        )  # fmt: skip
