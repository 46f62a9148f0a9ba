"""The same layers, but some get their inputs from other layers or in another order."""

from fpcheck.diagnosis.case import Case, Diagnoses, Finding, diagnosis, some


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers with other inputs."""
    findings = case.unexplained("graph-rewired", "sharing-changed")
    if findings:
        case.explain(findings)
        changes = [describe(finding, case.reference) for finding in findings]
        yield diagnosis(
            "graph-rewired",
            [f.layer for f in findings],
            f"{some(changes, 2)}.",
            changes,
            f"Connect the layers as in the {case.reference}; the order of inputs matters.",
        )


def describe(finding: Finding, reference: str) -> str:
    """The inputs of a layer, or how often it is called, on both sides."""
    if finding.metric == "calls":
        sides = (finding.actual, finding.expected)
        now, was = ("once" if number == 1 else f"{number} times" for number in sides)
        return f"{finding.layer} is called {now} ({reference}: {was})"
    now, was = (", ".join(map(str, side)) for side in (finding.actual, finding.expected))
    same = sorted(map(str, finding.actual)) == sorted(map(str, finding.expected))
    order = "the order differs; " if same else ""
    return f"{finding.layer} takes {now} ({order}{reference}: {was})"
