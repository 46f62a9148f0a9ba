"""The same layers, but some get their inputs from other layers or in another order."""

from fpcheck.diagnosis.case import Case, Diagnoses, Finding, diagnosis, some, times


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers with other inputs."""
    findings = case.unexplained("graph-rewired", "sharing-changed")
    if findings:
        case.explain(findings)
        changes = [_text(finding, case.reference) for finding in findings]
        yield diagnosis(
            "graph-rewired",
            [f.layer for f in findings],
            f"{some(changes, 2)}.",
            changes,
            f"Connect the layers as in the {case.reference}; the order of inputs matters.",
        )


def _text(finding: Finding, reference: str) -> str:
    if finding.metric == "calls":
        now, was = times(finding.actual), times(finding.expected)
        return f"{finding.layer} is called {now} ({reference}: {was})"
    now, was = (", ".join(map(str, side)) for side in (finding.actual, finding.expected))
    same = sorted(map(str, finding.actual)) == sorted(map(str, finding.expected))
    order = "the order differs; " if same else ""
    return f"{finding.layer} takes {now} ({order}{reference}: {was})"
