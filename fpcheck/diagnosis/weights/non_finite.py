"""NaN or infinite weights."""

from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis, some


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all tensors with NaN or infinite values."""
    findings = [f for f in case.unexplained("non-finite") if f.level == "weights"]
    if not findings:
        return
    places = {f.where for f in findings}
    case.explain(item for item in case.unexplained_tensors if item.name in places)
    yield diagnosis(
        "non-finite",
        [f.layer for f in findings],
        f"NaN or infinite values in {some(f.where for f in findings)}.",
        [f"{f.where}: {f.actual} such values ({case.reference}: {f.expected})" for f in findings],
        "Find where they first appear: in training that diverged, or by overflow in float16.",
    )
