"""Weights of the right shapes that are unrelated to the golden's: another training run."""

from contextlib import suppress

from fpcheck.comparison.weight_findings import Owner, owned
from fpcheck.diagnosis.case import Case, Diagnoses, Neighbour, by_layer, count, diagnosis
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import digest
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.layout.storage_gaps import alike

_CODE = "other-checkpoint"
# To name another golden, more than this share of the changed tensors must have its digests.
_LEAST_EQUAL = 0.5


def diagnose_equal(case: Case) -> Diagnoses:
    """A proof where structure and weights equal another golden, or another version."""
    errors = [finding for finding in case.errors if finding.level != "outputs"]
    content_id = case.candidate.content_id
    if content_id is None or not errors:
        return
    rebuilt = any(finding.level == "structure" for finding in errors)
    for other in case.neighbours():
        # Goldens of other names come last. A structure that equals one of them is a
        # `wrong-architecture`, and small differences are not worth reading them.
        if not other.relation and (rebuilt or not _most_layers_changed(case)):
            return
        if other.content_id == digest.text(content_id) and _has_equal_structure(case, other):
            relation = f", {other.relation}" if other.relation else ""
            yield diagnosis(
                _CODE,
                [finding.layer for finding in errors],
                f"The model equals {other.label}{relation}.",
                [f"structure and weights have the digests of {other.label}"],
                _advice(case, other),
            )
            return


def _has_equal_structure(case: Case, other: Neighbour) -> bool:
    """Whether the structures are equal except for names, as far as both are known."""
    structure = case.candidate.structure
    if other.shape == digest.text(structure.shape_digest):
        return True
    with suppress(FpcheckError):  # `fpcheck verify` reports damaged goldens
        expected, actual = alike(Fingerprint(other.load().structure), Fingerprint(structure))
        return actual.structure.shape_key == expected.structure.shape_key
    return False


def diagnose_known(case: Case) -> Diagnoses:
    """A proof where the weights are those of another golden."""
    if not _most_layers_changed(case):
        return
    unexplained = case.unexplained_tensors
    # What the golden has in another place was moved within it.
    items = [i for i in unexplained if not i.constant and i.candidate.digest not in case.owners]
    for other in case.neighbours() if items else ():
        digests = {} if other.content_id is None else _digests(other)
        known = [i for i in unexplained if digests.get(i.owner) == i.candidate.digest]
        equal = [i for i in known if not i.constant and i.candidate.digest not in case.owners]
        if len(equal) > _LEAST_EQUAL * len(items):
            case.explain([*equal, *(i for i in known if i.constant)])
            # Beside the changed tensors, the unchanged ones may differ from the other golden.
            every = len(equal) == len(items) and _all_equal(case, digests)
            share = f"{len(equal)} of {count(len(items), 'changed tensor')}"
            yield diagnosis(
                _CODE,
                by_layer(equal),
                f"The weights are those of the golden {other.label}.",
                [f"{share} have the digests of {other.label}"],
                _advice(case, other),
                confidence=1.0 if every else 0.95,
            )
            return


def _advice(case: Case, other: Neighbour) -> str:
    return f"Compare with that golden{case.or_choose(other.label)}, or load the right file."


def _all_equal(case: Case, digests: dict[Owner, bytes]) -> bool:
    """Whether every tensor of the candidate is the other golden's, not only the changed ones."""
    known = {owner: measured.digest for owner, measured in case.golden_tensors.items()}
    known |= {item.owner: item.candidate.digest for item in case.comparison.changed}
    return all(digests.get(owner) == value for owner, value in known.items())


def _digests(other: Neighbour) -> dict[Owner, bytes]:
    """The digests of a golden by path and role; none if the golden is damaged."""
    with suppress(FpcheckError):  # `fpcheck verify` reports damaged goldens
        tensors = reversed([*owned(other.load())])  # of equal roles in one layer, the first
        return {owner: measured.digest for owner, measured in tensors}
    return {}


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers that no other rule explains."""
    items = [item for item in case.unexplained_tensors if item.both is not None]
    if not items:
        return
    case.explain(items)
    layers, every = by_layer(items), len(case.weighted)
    searched = ["no other golden has these values"] if _most_layers_changed(case) else []
    yield diagnosis(
        _CODE,
        layers,
        f"The weights of {case.name_layers(layers)} are unrelated to the {case.reference}'s: they "
        "come from another checkpoint.",
        [
            f"{count(len(layers), 'layer')} of {every}: shapes equal the {case.reference}'s",
            f"the values are neither close to the {case.reference}'s nor freshly initialised",
            *searched,
        ],
        "Check which training run or variant the file comes from.",
        confidence=0.8 if 2 * len(layers) > every else 0.5,
    )


def _most_layers_changed(case: Case) -> bool:
    """Whether so much differs that other goldens are worth reading."""
    return 2 * len(by_layer(case.changed)) >= len(case.weighted)
