"""Layers that hold the weights of another layer of the golden."""

from collections.abc import Iterator

from fpcheck.comparison.weights import Changed
from fpcheck.diagnosis.case import Case, by_layer, is_constant
from fpcheck.diagnosis.evidence import count, lines, some
from fpcheck.report.value import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers whose changed tensors are all those of one other layer."""
    holds: dict[str, str] = {}
    for path, items in by_layer(case.left).items():
        held = [
            {p for p, role in case.owners.get(i.candidate.digest, ()) if role == i.tensor.role}
            - {path}
            for i in items
            if not is_constant(i)
        ]
        common = set.intersection(*held) if held else set()
        # Where several layers hold the same, it is no telling which one this is.
        if len(common) == 1:
            other = holds[path] = common.pop()
            # Constants beside them are explained only where the other layer holds them, too.
            case.claim(i for i in items if not is_constant(i) or _held_by(case, other, i))
    if holds:
        told = [f"{p} holds the weights of {other}" for p, other in holds.items()]
        yield Diagnosis(
            code="layers-swapped",
            layers=list(holds),
            confidence=1.0,
            summary=_summary(holds, told),
            evidence=[f"equal digests: {line}" for line in lines(told)],
            advice="Load by name, or create the layers in the order in which they were saved: "
            ".weights.h5 files pair layers by class and order, not by name.",
        )


def _held_by(case: Case, path: str, item: Changed) -> bool:
    held = case.held.get((path, item.tensor.role))
    return held is not None and held.digest == item.candidate.digest


def _summary(holds: dict[str, str], told: list[str]) -> str:
    crosswise = [p for p in holds if holds.get(holds[p]) == p]
    if not crosswise:
        return f"{some(told)}."
    first = crosswise[0]
    others = len(crosswise) // 2 - 1
    more = f"; so {'does' if others == 1 else 'do'} {count(others, 'more pair')}" if others else ""
    return f"{first} and {holds[first]} hold each other's weights{more}."
