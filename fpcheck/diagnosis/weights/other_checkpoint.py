"""Weights of the right shapes that have nothing to do with the golden's: another training run."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case, Neighbour, Owner, held_by_role, is_constant
from fpcheck.diagnosis.evidence import count, paths, some
from fpcheck.errors import FpcheckError
from fpcheck.report.value import Diagnosis

# Share of tensors that must be another golden's, digest by digest, to name it.
_KNOWN = 0.5


def diagnose_known(case: Case) -> Iterator[Diagnosis]:
    """A proof, where the weights are those of another golden in reach."""
    if not _asked(case):
        return
    items = [item for item in case.left if not is_constant(item)]
    # What the golden holds elsewhere was moved within it.
    items = [item for item in items if item.candidate.digest not in case.owners]
    for other in case.neighbours() if items else ():
        held = {} if other.content_id is None else _digests(other)
        found = [i for i in items if held.get((i.layer.path, i.tensor.role)) == i.candidate.digest]
        if len(found) > _KNOWN * len(items):
            alike = (
                i
                for i in case.left
                if held.get((i.layer.path, i.tensor.role)) == i.candidate.digest
            )
            case.claim([*found, *alike])
            # What differs from the golden may be the other's, and what does not may be not.
            every = len(found) == len(items) and _all_of(case, held)
            named = f": --golden {other.label}" if case.reference == "golden" else "."
            yield Diagnosis(
                code="other-checkpoint",
                layers=paths(found),
                confidence=1.0 if every else 0.95,
                summary=f"These are the weights of the golden {other.label}.",
                evidence=[f"{len(found)} of {count(len(items), 'changed tensor')} have the digests "
                          f"of {other.label}"],
                advice=f"Load the right file, or compare with that golden{named}",
            )  # fmt: skip
            return


def _all_of(case: Case, held: dict[Owner, bytes]) -> bool:
    """Whether every tensor of the candidate is the other golden's, not only the changed ones."""
    now = {owner: measured.digest for owner, measured in case.held.items()}
    now |= {(i.layer.path, i.tensor.role): i.candidate.digest for i in case.comparison.changed}
    return all(held.get(owner) == own for owner, own in now.items())


def _digests(other: Neighbour) -> dict[Owner, bytes]:
    """What a golden holds, by path and role; nothing where it is damaged."""
    try:
        held = held_by_role(other.load())
    except FpcheckError:  # another command's matter
        return {}
    return {owner: measured.digest for owner, measured in held.items()}


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers that nothing else explains."""
    items = [item for item in case.left if item.both is not None]
    if not items:
        return
    asked = _asked(case)
    case.claim(items)
    layers = paths(items)
    every = case.are_all(layers)
    verb = "has" if len(layers) == 1 else "have"
    yield Diagnosis(
        code="other-checkpoint",
        layers=layers,
        confidence=0.8 if 2 * len(layers) > len(case.weighted) else 0.5,
        summary=f"{_who(layers, every)} values that have nothing to do with the "
        f"{case.reference}'s: another checkpoint.",
        evidence=[
            f"{count(len(layers), 'layer')} of {len(case.weighted)} {verb} the "
            f"{case.reference}'s shapes",
            f"their values are neither close to the {case.reference}'s nor freshly initialised",
            *(["no golden in reach holds them"] if asked else []),
        ],
        advice="Check which training run or variant the file comes from.",
    )


def _who(layers: list[str], every: bool) -> str:
    if every:
        return "All layers hold"
    return f"{some(layers)} {'holds' if len(layers) == 1 else 'hold'}"


def _asked(case: Case) -> bool:
    """Whether so much differs that other goldens are worth reading."""
    return 2 * len(paths(case.changed)) >= len(case.weighted)
