"""Layers that have the weights of another layer of the golden."""

from fpcheck.codec import Value
from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case, by_layer, is_constant
from fpcheck.diagnosis.evidence import Diagnoses, count, diagnosis, some

_GUESSED = "the file contains no architecture, so its groups were assigned to the {}'s layers"


class _Source(Value, frozen=True):
    """The golden's layer that weights come from, and which of them: `weights`, or some roles."""

    layer: str
    what: str


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
    texts = [f"{path} has the {it.what} of {it.layer}" for path, it in sources.items()]
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
    varied = [item for item in items if not is_constant(item)]
    owners = [
        {p for p, role in case.owners.get(i.candidate.digest, ()) if role == i.tensor.role} - {path}
        for i in varied
    ]
    common = set.intersection(*owners) if owners else set()
    if len(common) != 1:  # where several layers have the same values, the source is unknown
        return None
    other = common.pop()
    # Constants in the same layer are explained only if the other layer has them too.
    explained = [item for item in items if not is_constant(item) or _has(case, other, item)]
    case.explain_tensors(explained)
    whole = len(explained) == len(items) and _has_all(case, path, other)
    roles = ", ".join(item.tensor.role for item in varied)
    return _Source(other, "weights" if whole else roles)


def _has(case: Case, path: str, item: Changed) -> bool:
    golden = case.golden_tensors.get((path, item.tensor.role))
    return golden is not None and golden.digest == item.candidate.digest


def _has_all(case: Case, path: str, other: str) -> bool:
    """Whether the layer's unchanged tensors, too, equal those of the other layer."""
    changed = {item.tensor.role for item in case.changed if item.layer.path == path}
    equal = [t.role for t in case.layers[path].tensors if not t.derived and t.role not in changed]
    golden = case.golden_tensors
    pairs = [(golden.get((path, role)), golden.get((other, role))) for role in equal]
    return all(one and two and one.digest == two.digest for one, two in pairs)


def _summary(sources: dict[str, _Source], texts: list[str]) -> str:
    exchanged = [
        path
        for path, source in sources.items()
        if sources.get(source.layer) == _Source(path, source.what)
    ]
    if not exchanged:
        return f"{some(texts)}."
    first, more = exchanged[0], len(exchanged) // 2 - 1
    others = f"; {count(more, 'more pair')} likewise" if more else ""
    return f"{first} and {sources[first].layer} have each other's {sources[first].what}{others}."
