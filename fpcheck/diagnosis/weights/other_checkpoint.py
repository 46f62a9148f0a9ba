"""Weights of the right shapes that have nothing to do with the golden's: another training run."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case, Neighbour
from fpcheck.diagnosis.evidence import count, paths, some
from fpcheck.errors import FpcheckError
from fpcheck.report.value import Diagnosis

# Share of tensors that must be another golden's, digest by digest, to name it.
_KNOWN = 0.5


def diagnose_known(case: Case) -> Iterator[Diagnosis]:
    """A proof, where the weights are those of another golden in reach."""
    if 2 * len(paths(case.changed)) < len(case.weighted):
        return
    changed = {item.candidate.digest for item in case.left}
    for other in case.neighbours() if changed else ():
        label = other.label
        held = set() if other.content_id is None else _digests(other)
        if changed and len(changed & held) > _KNOWN * len(changed):
            items = [item for item in case.left if item.candidate.digest in held]
            case.claim(items)
            yield Diagnosis(
                code="other-checkpoint",
                layers=paths(items),
                confidence=1.0,
                summary=f"These are the weights of the golden {label}.",
                evidence=[f"{len(changed & held)} of {count(len(changed), 'changed tensor')} have "
                          f"the digests of {label}"],
                advice=f"Load the right file, or compare with that golden: --golden {label}",
            )  # fmt: skip
            return


def _digests(other: Neighbour) -> set[bytes]:
    try:
        return {measured.digest for measured in other.load().weights or ()}
    except FpcheckError:  # a damaged golden is another command's matter
        return set()


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers that nothing else explains."""
    items = [item for item in case.left if item.both is not None]
    if not items:
        return
    case.claim(items)
    layers = paths(items)
    every = len(layers) == len(case.weighted)
    yield Diagnosis(
        code="other-checkpoint",
        layers=layers,
        confidence=0.8 if 2 * len(layers) > len(case.weighted) else 0.5,
        summary=f"{'All layers hold' if every else some(layers) + ' hold'} values that have "
        "nothing to do with the golden's: another checkpoint.",
        evidence=[
            f"{count(len(layers), 'layer')} of {len(case.weighted)} have the golden's shapes",
            "their values are neither close to the golden's nor freshly initialised",
            "no golden in reach holds them",
        ],
        advice="Check which training run or variant the file comes from.",
    )
