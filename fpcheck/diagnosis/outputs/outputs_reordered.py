"""The outputs are the golden's, in another order."""

from fpcheck.comparison.finding import within
from fpcheck.diagnosis.case import Case, Diagnoses, diagnosis
from fpcheck.fingerprint.outputs import Answer, relative_difference
from fpcheck.fingerprint.structure import edge_key


def diagnose(case: Case) -> Diagnoses:
    """A diagnosis where each output equals another output of the golden."""
    by_source = _order_by_source(case)
    order = by_source or _order_by_values(case)
    if order is None:
        return
    case.explain(case.unexplained("output-changed", "output-shape-changed"))
    golden = case.golden.structure.outputs
    answers = case.golden.outputs.answers if case.golden.outputs else ()
    names = [port.name for port in golden] or [answer.name for answer in answers]
    moved = [(now, was) for now, was in enumerate(order) if now != was]
    texts = [
        f"output {now} is the {case.reference}'s output {was} ({names[was]})" for now, was in moved
    ]
    yield diagnosis(
        "outputs-reordered",
        [names[was] for _, was in moved],
        f"The outputs are in another order: {texts[0]}.",
        texts,
        "Select outputs by name. Signatures of a SavedModel sort outputs by name.",
        # Layers are known by name: with equal weights, names and contents say the same.
        confidence=1.0 if by_source and not _weights_differ(case) else 0.99,
    )


def _weights_differ(case: Case) -> bool:
    """Whether a layer that gives an output may have other weights than its namesake."""
    sources = {port.source.layer for port in case.golden.structure.outputs if port.source}
    compared = case.golden.weights is not None and case.candidate.weights is not None
    return not compared or any(f.level == "weights" and f.layer in sources for f in case.errors)


def _order_by_values(case: Case) -> list[int] | None:
    golden, candidate = case.golden.outputs, case.candidate.outputs
    if golden is None or candidate is None:
        return None
    expected, actual = golden.answers, candidate.answers
    exchanged = any(f.level == "weights" for f in case.errors)  # then layers are, not outputs
    if len(expected) < 2 or len(expected) != len(actual) or exchanged:
        return None
    allowed = case.comparison.tolerances.allowed_outputs(golden)

    def equal(golden: Answer, now: Answer) -> bool:
        return golden.shape == now.shape and within(
            relative_difference(golden.logits, now.logits), allowed
        )

    return _permutation(
        [next((n for n, was in enumerate(expected) if equal(was, now)), -1) for now in actual]
    )


def _order_by_source(case: Case) -> list[int] | None:
    expected, actual = case.golden.structure.outputs, case.candidate.structure.outputs
    if len(expected) < 2 or len(expected) != len(actual) or not case.unexplained("output-changed"):
        return None
    golden = [edge_key(port.source, case.pairing.to_candidate) for port in expected]
    candidate = [edge_key(port.source, {}) for port in actual]
    return _permutation([golden.index(place) if place in golden else -1 for place in candidate])


def _permutation(order: list[int]) -> list[int] | None:
    """The order, if it is one and differs from the golden's."""
    places = list(range(len(order)))
    return order if sorted(order) == places != order else None
