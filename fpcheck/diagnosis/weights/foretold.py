"""Tensors that are, bit for bit, the golden's after a usual mistake: a proof."""

from collections.abc import Callable, Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case, is_constant
from fpcheck.diagnosis.evidence import lines, ones, paths, some
from fpcheck.fingerprint.undone import Undone
from fpcheck.report.report import Diagnosis


def foretold(
    case: Case,
    code: str,
    mistakes: dict[str, str],
    advice: str,
    undone: Callable[[Changed, Undone], str | None] = lambda item, undone: None,
) -> Iterator[Diagnosis]:
    """One diagnosis for all tensors after such mistakes, by the golden's counterfactual digests.

    Equal digests entail that a tensor is the golden's after the mistake, which is all that the
    sentence says.

    Args:
        case: what is left of it is looked at, and claimed where it is explained.
        code: of the diagnosis.
        mistakes: by the name of a counterfactual digest, what it does in words.
        advice: what to do.
        undone: says of a tensor that a closer look has put right whether it is such a mistake.
    """
    groups: dict[str, list[tuple[Changed, str]]] = {}
    for item in case.left:
        held = item.golden.details.counterfactuals if item.golden.details else {}
        named = next((n for n in mistakes if held.get(n) == item.candidate.digest), None)
        found = case.undone(item)
        if named is not None:
            proof = (
                f"{item.name}: its digest equals the one that the {case.reference} stores for this "
                "mistake"
            )
            groups.setdefault(mistakes[named], []).append((item, proof))
        elif found is not None and found.left == 0 and (says := undone(item, found)):
            proof = f"{item.name}: put back, it has the {case.reference}'s digest"
            groups.setdefault(says, []).append((item, proof))
    for says, proved in groups.items():
        items = [item for item, _ in proved]
        # Small values round to zeros, and zeros have many causes: alone they show none.
        if all(is_constant(item) for item in items):
            continue
        case.claim(items)
        yield Diagnosis(
            code=code,
            layers=paths(items),
            confidence=1.0,
            summary=f"{some(item.name for item in items)} {ones(case, len(items) > 1)} {says}.",
            evidence=lines([proof for _, proof in proved]),
            advice=advice,
        )
