"""The model's outputs differ, and no layer explains it."""

from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis, some


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis unless a layer that differs explains the outputs."""
    findings = case.unexplained("output-changed", "output-missing", "output-shape-changed")
    ports = [f for f in findings if f.metric in ("ports", "outputs")]
    others = [f for f in case.errors if f.level == "structure" and f not in findings]
    if not ports or others:
        return
    case.explain(findings)
    was, now = some(map(str, ports[0].expected), 4), some(map(str, ports[0].actual), 4)
    yield diagnosis(
        "output-changed",
        [port.source.layer for port in case.golden.structure.outputs if port.source],
        f"The model gives {now}; the {case.reference} gives {was}.",
        [f"all layers equal the {case.reference}'s; other tensors are used as outputs"],
        f"Build the model with the {case.reference}'s outputs.",
    )
