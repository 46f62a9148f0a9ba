"""The golden's outputs, in another order."""

from collections.abc import Iterator

from fpcheck.comparison.finding import within
from fpcheck.diagnosis.case import Case
from fpcheck.fingerprint.outputs import Answer, relative_difference
from fpcheck.fingerprint.structure import Edge
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """A diagnosis where each output is another one of the golden."""
    told_by_structure = _by_source(case)
    order = told_by_structure or _by_values(case)
    if order is None:
        return
    case.tell(case.found("output-changed", "output-shape-changed"))
    golden = case.golden.structure.outputs
    names = [p.name for p in golden] or [a.name for a in _answers(case)[0]]
    told = [f"output {i} is the {case.reference}'s output {j} ({names[j]})"
            for i, j in enumerate(order) if i != j]  # fmt: skip
    yield Diagnosis(
        code="outputs-reordered",
        layers=[names[j] for i, j in enumerate(order) if i != j],
        # Layers are known by name: with equal weights, names and contents say the same.
        confidence=1.0 if told_by_structure and not _other_weights(case) else 0.99,
        summary=f"The outputs stand in another order: {told[0]}.",
        evidence=told[:5],
        advice="Take outputs by name; signatures of a SavedModel sort them.",
    )


def _other_weights(case: Case) -> bool:
    """Whether a layer that gives an output holds other weights than its namesake."""
    sources = {port.source.layer for port in case.golden.structure.outputs if port.source}
    compared = case.golden.weights is not None and case.candidate.weights is not None
    return not compared or any(f.level == "weights" and f.layer in sources for f in case.errors)


def _answers(case: Case) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
    golden, candidate = case.golden.outputs, case.candidate.outputs
    return (golden.answers if golden else ()), (candidate.answers if candidate else ())


def _by_values(case: Case) -> list[int] | None:
    ours, theirs = _answers(case)
    exchanged_weights = any(f.level == "weights" for f in case.errors)
    if len(ours) < 2 or len(ours) != len(theirs) or case.golden.outputs is None:
        return None
    if exchanged_weights:  # then it is the layers that stand in each other's place
        return None
    allowed = case.comparison.tolerances.allowed_outputs(case.golden.outputs)
    order = [
        next((j for j, own in enumerate(ours) if own.shape == other.shape
              and within(relative_difference(own.logits, other.logits), allowed)), -1)
        for other in theirs
    ]  # fmt: skip
    return _exchanged(order)


def _by_source(case: Case) -> list[int] | None:
    ours, theirs = case.golden.structure.outputs, case.candidate.structure.outputs
    if len(ours) < 2 or len(ours) != len(theirs) or not case.found("output-changed"):
        return None
    names = case.pairing.to_candidate
    known = [_place(p.source, names) for p in ours]
    seen = [_place(p.source, {}) for p in theirs]
    return _exchanged([known.index(place) if place in known else -1 for place in seen])


def _place(source: Edge | None, names: dict[str, str]) -> tuple[str, int, int] | None:
    if source is None:
        return None
    return names.get(source.layer, source.layer), source.call, source.output


def _exchanged(order: list[int]) -> list[int] | None:
    places = list(range(len(order)))
    return order if sorted(order) == places != order else None
