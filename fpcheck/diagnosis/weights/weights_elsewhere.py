"""The file contains the golden's values, but outside the model's layers: averaged weights."""

from fpcheck.diagnosis.case import Case, Diagnoses, by_layer, diagnosis, some

_AVERAGES = (
    "If it was trained with use_ema, put the averages into the model and save again: "
    "optimizer.finalize_variable_values(model.trainable_variables), or train with the callback "
    "SwapEMAWeights."
)
_COPY = "Copy them into their layers, and save again."


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all changed tensors whose golden values the file has in another place.

    Equal digests prove the sentence.
    """
    items = [i for i in case.unexplained_tensors if i.golden.digest in case.elsewhere]
    if not items:
        return
    layers, places = by_layer(items), {i.name: case.elsewhere[i.golden.digest] for i in items}
    # What explains a layer's tensors explains its constants too, if the file has these as well.
    others = case.comparison.closer_look.others
    rest = [i for i in case.unexplained_tensors if i.layer.path in layers]
    case.explain([*items, *(i for i in rest if i.golden.digest in others)])
    averages = all(place.startswith("optimizer") for place in places.values())
    where = "among the optimizer's variables" if averages else "in another place"
    yield diagnosis(
        "weights-elsewhere",
        layers,
        f"The file contains the {case.reference}'s values of {some(places)}, but {where}.",
        [f"{at} has the digest of the {case.reference}'s {name}" for name, at in places.items()],
        _AVERAGES if averages else _COPY,
    )
