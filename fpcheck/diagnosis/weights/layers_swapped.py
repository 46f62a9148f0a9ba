"""Layers that hold the weights of another layer of the golden."""

from collections.abc import Iterator

from fpcheck.codec import Value
from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case, by_layer, is_constant
from fpcheck.diagnosis.evidence import count, lines, some
from fpcheck.report.report import Diagnosis

_WEIGHTS = "weights"
_GUESSED = "the file contains no architecture, so its groups were assigned to the golden's layers"


class _Source(Value, frozen=True):
    """The layer whose tensors another holds, and which: all of them, or some roles."""

    layer: str
    what: str


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers whose changed tensors are all those of one other layer.

    Equal digests entail whose values they are, if one layer of the golden alone holds them. Which
    layer of the candidate holds them is told by an architecture; without one it is a guess.
    """
    holds: dict[str, _Source] = {}
    for path, items in by_layer(case.left).items():
        telling = [item for item in items if not is_constant(item)]
        held = [
            {p for p, role in case.owners.get(i.candidate.digest, ()) if role == i.tensor.role}
            - {path}
            for i in telling
        ]
        common = set.intersection(*held) if held else set()
        # Where several layers hold the same, it is no telling which one this is.
        if len(common) == 1:
            other = common.pop()
            # Constants beside them are explained only where the other layer holds them, too.
            claimed = [i for i in items if not is_constant(i) or _held_by(case, other, i)]
            case.claim(claimed)
            roles = ", ".join(item.tensor.role for item in telling)
            whole = len(claimed) == len(items) and _all_of(case, path, other)
            holds[path] = _Source(other, _WEIGHTS if whole else roles)
    if holds:
        told = [f"{p} holds the {own.what} of {own.layer}" for p, own in holds.items()]
        evidence = [f"equal digests: {line}" for line in lines(told)]
        yield Diagnosis(
            code="layers-swapped",
            layers=list(holds),
            confidence=0.95 if case.bare else 1.0,
            summary=_summary(holds, told),
            evidence=[*evidence, *([_GUESSED] if case.bare else [])],
            advice="Load by name, or create the layers in the order in which they were saved: "
            ".weights.h5 files pair layers by class and order, not by name.",
        )


def _held_by(case: Case, path: str, item: Changed) -> bool:
    held = case.held.get((path, item.tensor.role))
    return held is not None and held.digest == item.candidate.digest


def _all_of(case: Case, path: str, other: str) -> bool:
    """Whether a layer holds every tensor of the other, also where both are equal in the golden."""
    changed = {item.tensor.role for item in case.changed if item.layer.path == path}
    equal = [t.role for t in case.layers[path].tensors if not t.derived and t.role not in changed]
    return all(
        (one := case.held.get((path, role))) is not None
        and (two := case.held.get((other, role))) is not None
        and one.digest == two.digest
        for role in equal
    )


def _summary(holds: dict[str, _Source], told: list[str]) -> str:
    crosswise = [p for p, own in holds.items() if own.layer in holds
                 and holds[own.layer] == _Source(p, own.what)]  # fmt: skip
    if not crosswise:
        return f"{some(told)}."
    first = crosswise[0]
    others = len(crosswise) // 2 - 1
    more = f"; so {'does' if others == 1 else 'do'} {count(others, 'more pair')}" if others else ""
    return f"{first} and {holds[first].layer} hold each other's {holds[first].what}{more}."
