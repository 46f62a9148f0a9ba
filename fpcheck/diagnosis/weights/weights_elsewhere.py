"""The golden's values lie in this very file, and not in their layers: averages of the optimizer."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case
from fpcheck.diagnosis.evidence import lines, paths, some
from fpcheck.report.report import Diagnosis

_AVERAGES = (
    "If it was trained with use_ema, put the averages into the model and save again: "
    "optimizer.finalize_variable_values(model.trainable_variables), or train with the callback "
    "SwapEMAWeights."
)
_COPY = "Copy them into their layers, and save again."


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all changed tensors whose golden values stand where the golden has none.

    Equal digests entail the sentence.
    """
    others = case.elsewhere
    found = [item for item in case.left if item.golden.digest in others]
    if not found:
        return
    layers, places = paths(found), {item.name: others[item.golden.digest] for item in found}
    # A constant is explained by what stands beside it.
    held = case.comparison.closer.others
    case.claim(i for i in case.left if i in found
               or (i.layer.path in layers and i.golden.digest in held))  # fmt: skip
    averages = all(place.startswith("optimizer") for place in places.values())
    where = "among the optimizer's variables" if averages else "in another place"
    yield Diagnosis(
        code="weights-elsewhere",
        layers=layers,
        confidence=1.0,
        summary=f"The file contains the {case.reference}'s values of {some(places)}, but {where}.",
        evidence=lines([f"{place} has the digest of the {case.reference}'s {name}"
                        for name, place in places.items()]),
        advice=_AVERAGES if averages else _COPY,
    )  # fmt: skip
