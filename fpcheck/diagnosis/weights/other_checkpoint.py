"""Weights of the right shapes that have nothing to do with the golden's: another training run."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case, Neighbour, is_constant
from fpcheck.diagnosis.evidence import count, paths, some
from fpcheck.errors import FpcheckError
from fpcheck.report.value import Diagnosis

# Share of tensors that must be another golden's, digest by digest, to name it.
_KNOWN = 0.5


def diagnose_known(case: Case) -> Iterator[Diagnosis]:
    """A proof, where the weights are those of another golden in reach."""
    if not _asked(case):
        return
    changed = {item.candidate.digest for item in case.left if not is_constant(item)}
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
    asked = _asked(case)
    case.claim(items)
    layers = paths(items)
    every = len(layers) == len(case.weighted)
    verb = "has" if len(layers) == 1 else "have"
    yield Diagnosis(
        code="other-checkpoint",
        layers=layers,
        confidence=0.8 if 2 * len(layers) > len(case.weighted) else 0.5,
        summary=f"{_who(layers, every)} values that have nothing to do with the golden's: another "
        "checkpoint.",
        evidence=[
            f"{count(len(layers), 'layer')} of {len(case.weighted)} {verb} the golden's shapes",
            "their values are neither close to the golden's nor freshly initialised",
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
