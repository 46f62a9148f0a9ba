"""A layer acts as in training: dropout drops, normalisation takes the statistics of the batch."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import some
from fpcheck.diagnosis.outputs.repeated import acts_in_training, unsteady
from fpcheck.report.report import Diagnosis

_ADVICE = "Call layers without training=True, and export the model from inference mode."


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where calls say so, or where outputs vary and start at such a layer."""
    baked = [
        pair.golden.path
        for pair in case.pairing.pairs
        if _trains(pair.candidate.calls) and not _trains(pair.golden.calls)
    ]
    if baked:
        case.tell(f for f in case.found("config-changed")
                  if f.layer in baked and str(f.metric).startswith("call."))  # fmt: skip
        yield Diagnosis(
            code="training-mode-on",
            layers=baked,
            confidence=1.0,
            summary=f"{some(baked)} {'is' if len(baked) == 1 else 'are'} called with "
            f"training=True, in the {case.reference} not.",
            evidence=[f"{path}: the graph says training=True" for path in baked[:5]],
            advice=_ADVICE,
        )
        return
    seen = unsteady(case)
    if seen is not None and acts_in_training(case, seen.where):
        case.tell(case.found("output-changed"))
        where = [seen.where] if seen.where in case.layers else acting(case)
        yield Diagnosis(
            code="training-mode-on",
            layers=where,
            confidence=0.95,
            summary=f"{some(where)} acts as in training: {seen.says}.",
            evidence=[seen.says, f"structure and weights equal the {case.reference}"],
            advice=_ADVICE,
        )


def acting(case: Case) -> list[str]:
    """Layers that would act otherwise in training."""
    return [path for path in case.layers if acts_in_training(case, path)]


def _trains(calls: object) -> bool:
    return any(
        call.arguments.get("kwargs", {}).get("training") is True
        for call in calls or ()  # type: ignore[attr-defined]
    )
