"""The code of a custom layer or function differs from the golden's."""

from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis, some


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where only outputs differ, and so does the code of a layer."""
    layers = [
        pair.golden
        for pair, layer in case.pairs_with(case.comparison.closer_look.structure)
        if pair.golden.code and layer.code and pair.golden.code != layer.code
    ]
    if layers and case.only_outputs:
        case.explain(case.unexplained("output-changed"))
        names = some(sorted({layer.class_name for layer in layers}))
        changes = (f"{layer.path}: the digest of its source differs" for layer in layers)
        yield diagnosis(
            "custom-code-changed",
            [layer.path for layer in layers],
            f"The code of {names} differs from the {case.reference}'s.",
            ["weights and configuration are equal", *changes],
            "Load the model with the code that was approved: --custom-objects MODULE.",
            confidence=0.95,
        )
