"""The body equals the golden's, the last layers do not."""

from fpcheck.diagnosis.case import Case, Diagnoses, by_layer, count, diagnosis, some
from fpcheck.diagnosis.relatedness import cosine, matrices

# Above this the head was trained further, not replaced.
_RELATED = 0.5


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where only the last layers with weights have values of another model."""
    items = case.unexplained_tensors
    heads, body = by_layer(items), len(case.weighted) - len(by_layer(items))
    if not items or not body or not by_layer(case.changed).keys() <= _heads(case):
        return
    resized = [
        f"{item.name} is {list(item.other.shape)} ({case.reference}: {list(item.tensor.shape)})"
        for item in items
        if item.other.shape != item.tensor.shape
    ]
    measured = any(item.both is not None for item in items)
    if not resized and cosine(matrices(items) or items) > _RELATED:
        return
    case.explain(items)
    alone = heads.keys() == {f.layer for f in case.errors if f.level == "weights"}
    unrelated = f"the values of the head are unrelated to the {case.reference}'s"
    unknown = "only digests of the head are known, so it may have been trained further"
    reasons = resized or [unrelated if measured else unknown]
    yield diagnosis(
        "head-replaced",
        heads,
        f"Only the head differs from the {case.reference}: {some(heads)}"
        f"{'; ' + some(resized, 1) if resized else ''}.",
        [f"{count(body, 'other layer')} with weights: equal to the {case.reference}", *reasons],
        "Load the head too, or record the new one as a version if it is intended.",
        # Shapes are facts; "only" is one if no other tensor differs or is missing.
        confidence=1.0 if resized and alone else 0.9 if resized or measured else 0.6,
    )


def _heads(case: Case) -> set[str]:
    """Layers with weights that feed an output and no other layer with weights."""
    layers = case.golden.structure.layers
    if any(layer.calls is None for layer in layers):
        return {*case.weighted[-1:]}
    heads, feeding = {*case.weighted}, set()
    # From the last layer: what feeds a layer with weights, also through others, is no head.
    for layer in reversed(layers):
        if layer.path in heads or layer.path in feeding:
            feeding |= {*layer.inbound} - {layer.path}
    return heads - feeding
