"""The model's inputs differ: shape, type, number or order."""

from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis, some


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all inputs."""
    findings = case.unexplained("input-changed")
    if not findings:
        return
    (finding,) = findings
    sources = {port.source.layer for port in case.golden.structure.inputs if port.source}
    settings = case.unexplained("config-changed", "dtype-changed")
    case.explain([finding, *(f for f in settings if f.layer in sources)])
    reordered = sorted(finding.expected) == sorted(finding.actual)
    yield diagnosis(
        "input-changed",
        _differing(case) or [path for path in case.layers if path in sources],
        f"The model takes {some(finding.actual, 4)}; the {case.reference} takes "
        f"{some(finding.expected, 4)}.",
        ["the same inputs, in another order" if reordered else "shape, type or number differ"],
        f"Build the model with the {case.reference}'s inputs. That the weights fit does not prove "
        "that the inputs are right.",
    )


def _differing(case: Case) -> list[str]:
    """The inputs that differ, where both sides have the same number."""
    golden, candidate = case.golden.structure.inputs, case.candidate.structure.inputs
    pairs = zip(golden, candidate, strict=True) if len(golden) == len(candidate) else ()
    other = (was for was, now in pairs if (was.shape, was.dtype) != (now.shape, now.dtype))
    return [port.source.layer for port in other if port.source]
