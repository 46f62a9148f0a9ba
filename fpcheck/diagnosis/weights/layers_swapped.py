"""Layers that have the weights of another layer of the golden."""

from fpcheck.diagnosis.case import Case, Changed, Diagnoses, by_layer, count, diagnosis, some

_GUESSED = "the file contains no architecture, so its groups were assigned to the {}'s layers"
# The golden's layer that weights come from, and which of them: `weights`, or some roles.
_Source = tuple[str, str]


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers whose changed tensors are all those of one other layer.

    Equal digests prove whose values they are, if only one layer of the golden has them. Which layer
    of the candidate has them follows from its architecture; without one it is a guess.
    """
    groups = by_layer(case.unexplained_tensors).items()
    sources = {
        path: source for path, items in groups if (source := _find_source(case, path, items))
    }
    if not sources:
        return
    texts = [f"{path} has the {what} of {layer}" for path, (layer, what) in sources.items()]
    yield diagnosis(
        "layers-swapped",
        sources,
        _summary(sources, texts),
        [
            *([_GUESSED.format(case.reference)] if case.lacks_architecture else []),
            *(f"equal digests: {t}" for t in texts),
        ],
        "Load by name, or create the layers in the order in which they were saved: "
        ".weights.h5 files pair layers by class and order, not by name.",
        confidence=0.95 if case.lacks_architecture else 1.0,
    )


def _find_source(case: Case, path: str, items: list[Changed]) -> _Source | None:
    """The one layer that all changed tensors come from, which are then explained."""
    varied = [item for item in items if not item.constant]
    owners = [
        {p for p, role in case.owners.get(i.candidate.digest, ()) if role == i.tensor.role} - {path}
        for i in varied
    ]
    common = set.intersection(*owners) if owners else set()
    if len(common) != 1:  # where several layers have the same values, the source is unknown
        return None
    other = common.pop()
    # Constants in the same layer are explained only if the other layer has them too.
    explained = [
        i
        for i in items
        if not i.constant or case.digest(other, i.tensor.role) == i.candidate.digest
    ]
    case.explain(explained)
    changed = {item.tensor.role for item in case.changed if item.layer.path == path}
    kept = (t.role for t in case.layers[path].stored if t.role not in changed)
    # Whether the layer's unchanged tensors, too, equal those of the other layer.
    equal = all(case.digest(path, role) == case.digest(other, role) for role in kept)
    whole = equal and len(explained) == len(items)
    return other, "weights" if whole else ", ".join(item.tensor.role for item in varied)


def _summary(sources: dict[str, _Source], texts: list[str]) -> str:
    exchanged = [p for p, (other, what) in sources.items() if sources.get(other) == (p, what)]
    if not exchanged:
        return f"{some(texts)}."
    first, more = exchanged[0], len(exchanged) // 2 - 1
    (second, what), others = sources[first], f"; {count(more, 'more pair')} likewise"
    return f"{first} and {second} have each other's {what}{others if more else ''}."
