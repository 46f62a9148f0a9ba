"""Weights of the right shapes that have nothing to do with the golden's: another training run."""

from collections.abc import Iterator

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case, Neighbour, Owner, held_by_role, is_constant
from fpcheck.diagnosis.evidence import count, paths, some
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.layout.storage_gaps import alike
from fpcheck.report.report import Diagnosis

# Share of tensors that must be another golden's, digest by digest, to name it.
_KNOWN = 0.5


def diagnose_equal(case: Case) -> Iterator[Diagnosis]:
    """A proof, where structure and weights are those of another golden, or of another version."""
    errors = [finding for finding in case.errors if finding.level != "outputs"]
    own = case.candidate.content_id
    if own is None or not errors:
        return
    rebuilt = any(finding.level == "structure" for finding in errors)
    for other in case.neighbours():
        # Goldens of other names come last. What is built as one of them is told as another
        # architecture, and where little differs they are not worth reading.
        if not other.relation and (rebuilt or not _asked(case)):
            return
        if other.content_id == digest.text(own) and _is_built_as(case, other):
            relation = f", {other.relation}" if other.relation else ""
            yield Diagnosis(
                code="other-checkpoint",
                layers=list(dict.fromkeys(finding.layer for finding in errors if finding.layer)),
                confidence=1.0,
                summary=f"The model equals {other.label}{relation}.",
                evidence=[f"structure and weights have the digests of {other.label}"],
                advice=_advice(case, other),
            )
            return


def _is_built_as(case: Case, other: Neighbour) -> bool:
    """Whether the structures are equal but for names, as far as both are told."""
    structure = case.candidate.structure
    if other.shape == digest.text(structure.shape_digest):
        return True
    try:
        golden = Fingerprint(other.load().structure)
    except FpcheckError:  # another command's matter
        return False
    theirs, ours = alike(golden, Fingerprint(structure))
    return ours.structure.shape_key == theirs.structure.shape_key


def diagnose_known(case: Case) -> Iterator[Diagnosis]:
    """A proof, where the weights are those of another golden in reach."""
    if not _asked(case):
        return
    items = [item for item in case.left if not is_constant(item)]
    # What the golden holds elsewhere was moved within it.
    items = [item for item in items if item.candidate.digest not in case.owners]
    for other in case.neighbours() if items else ():
        held = {} if other.content_id is None else _digests(other)
        found = [item for item in items if _is_of(item, held)]
        if len(found) > _KNOWN * len(items):
            constant = [i for i in case.left if is_constant(i)]
            case.claim([*found, *(i for i in constant if _is_of(i, held))])
            # What differs from the golden may be the other's, and what does not may be not.
            every = len(found) == len(items) and _all_of(case, held)
            yield Diagnosis(
                code="other-checkpoint",
                layers=paths(found),
                confidence=1.0 if every else 0.95,
                summary=f"These are the weights of the golden {other.label}.",
                evidence=[f"{len(found)} of {count(len(items), 'changed tensor')} have the digests "
                          f"of {other.label}"],
                advice=_advice(case, other),
            )  # fmt: skip
            return


def _is_of(item: Changed, held: dict[Owner, bytes]) -> bool:
    """Whether a changed tensor is that of another golden."""
    return held.get((item.layer.path, item.tensor.role)) == item.candidate.digest


def _advice(case: Case, other: Neighbour) -> str:
    named = f": --golden {other.label}" if case.reference == "golden" else "."
    return f"Load the right file, or compare with that golden{named}"


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
