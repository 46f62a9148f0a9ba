"""Weights of the right shapes that are unrelated to the golden's: another training run."""

from fpcheck.comparison.weight_findings import Changed
from fpcheck.diagnosis.case import Case, Neighbour, Owner, is_constant, tensors_by_role
from fpcheck.diagnosis.evidence import (
    Diagnoses,
    count,
    diagnosis,
    layers_of,
    name_layers,
    or_choose,
)
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
    own = case.candidate.content_id
    if own is None or not errors:
        return
    rebuilt = any(finding.level == "structure" for finding in errors)
    for other in case.neighbours():
        # Goldens of other names come last. A structure that equals one of them is a
        # `wrong-architecture`, and small differences are not worth reading them.
        if not other.relation and (rebuilt or not _most_layers_changed(case)):
            return
        if other.content_id == digest.text(own) and _has_equal_structure(case, other):
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
    try:
        golden = Fingerprint(other.load().structure)
    except FpcheckError:  # `fpcheck verify` reports damaged goldens
        return False
    theirs, ours = alike(golden, Fingerprint(structure))
    return ours.structure.shape_key == theirs.structure.shape_key


def diagnose_known(case: Case) -> Diagnoses:
    """A proof where the weights are those of another golden."""
    if not _most_layers_changed(case):
        return
    unexplained = case.unexplained_tensors
    # What the golden has in another place was moved within it.
    items = [i for i in unexplained if not is_constant(i) and i.candidate.digest not in case.owners]
    for other in case.neighbours() if items else ():
        digests = {} if other.content_id is None else _digests(other)
        equal = [item for item in items if _has(digests, item)]
        if len(equal) > _LEAST_EQUAL * len(items):
            constants = [i for i in unexplained if is_constant(i) and _has(digests, i)]
            case.explain_tensors([*equal, *constants])
            # Beside the changed tensors, the unchanged ones may differ from the other golden.
            every = len(equal) == len(items) and _all_equal(case, digests)
            share = f"{len(equal)} of {count(len(items), 'changed tensor')}"
            yield diagnosis(
                _CODE,
                layers_of(equal),
                f"The weights are those of the golden {other.label}.",
                [f"{share} have the digests of {other.label}"],
                _advice(case, other),
                confidence=1.0 if every else 0.95,
            )
            return


def _has(digests: dict[Owner, bytes], item: Changed) -> bool:
    return digests.get((item.layer.path, item.tensor.role)) == item.candidate.digest


def _advice(case: Case, other: Neighbour) -> str:
    return f"Compare with that golden{or_choose(case, other.label)}, or load the right file."


def _all_equal(case: Case, digests: dict[Owner, bytes]) -> bool:
    """Whether every tensor of the candidate is the other golden's, not only the changed ones."""
    own = {owner: measured.digest for owner, measured in case.golden_tensors.items()}
    own |= {(i.layer.path, i.tensor.role): i.candidate.digest for i in case.comparison.changed}
    return all(digests.get(owner) == value for owner, value in own.items())


def _digests(other: Neighbour) -> dict[Owner, bytes]:
    """The digests of a golden by path and role; none if the golden is damaged."""
    try:
        tensors = tensors_by_role(other.load())
    except FpcheckError:  # `fpcheck verify` reports damaged goldens
        return {}
    return {owner: measured.digest for owner, measured in tensors.items()}


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers that no other rule explains."""
    items = [item for item in case.unexplained_tensors if item.both is not None]
    if not items:
        return
    case.explain_tensors(items)
    layers, every = layers_of(items), len(case.weighted)
    searched = ["no other golden has these values"] if _most_layers_changed(case) else []
    yield diagnosis(
        _CODE,
        layers,
        f"The weights of {name_layers(case, layers)} are unrelated to the {case.reference}'s: they "
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
    return 2 * len(layers_of(case.changed)) >= len(case.weighted)
