"""Tensors that equal the golden's after a known mistake, bit for bit: a proof."""

from collections.abc import Callable

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case, is_constant
from fpcheck.diagnosis.evidence import Diagnoses, diagnosis, layers_of, some
from fpcheck.fingerprint.undone import Undone


def diagnose_mistake(
    case: Case,
    code: str,
    mistakes: dict[str, str],
    advice: str,
    describe: Callable[[Changed, Undone], str | None] = lambda item, undone: None,
) -> Diagnoses:
    """One diagnosis per mistake, for all tensors with the digest that the mistake gives.

    The golden stores digests of its tensors after usual mistakes (counterfactual digests). An equal
    digest proves that a tensor is the golden's after the mistake; the summary says no more.

    Args:
        case: its unexplained tensors are examined.
        code: of the diagnosis.
        mistakes: by the name of a counterfactual digest, the mistake in words.
        advice: what to do.
        describe: the mistake in words, for a tensor that equals the golden's once a change is
            undone; None if that change is another mistake.
    """
    groups: dict[str, list[tuple[Changed, str]]] = {}
    for item in case.unexplained_tensors:
        stored = item.golden.details.counterfactuals if item.golden.details else {}
        name = next((n for n in mistakes if stored.get(n) == item.candidate.digest), None)
        undone = case.undone(item)
        if name is not None:
            proof = f"its digest equals the one that the {case.reference} stores for this mistake"
            groups.setdefault(mistakes[name], []).append((item, proof))
        elif undone is not None and undone.left == 0 and (mistake := describe(item, undone)):
            proof = f"undoing this gives the {case.reference}'s digest"
            groups.setdefault(mistake, []).append((item, proof))
    for mistake, proofs in groups.items():
        items = [item for item, _ in proofs]
        # Small values round to zeros, and zeros have many causes: alone they prove nothing.
        if all(is_constant(item) for item in items):
            continue
        case.explain_tensors(items)
        names = some(item.name for item in items)
        yield diagnosis(
            code,
            layers_of(items),
            f"The values of {names} are the {case.reference}'s, {mistake}.",
            [f"{item.name}: {proof}" for item, proof in proofs],
            advice,
        )
