"""Tensors of one layer in each other's place: a moving variance that holds the moving mean."""

from collections.abc import Iterator

from fpcheck.diagnosis.case import Case, by_layer, is_constant
from fpcheck.diagnosis.evidence import lines, some
from fpcheck.report.report import Diagnosis


def diagnose(case: Case) -> Iterator[Diagnosis]:
    """One diagnosis for all layers in which a tensor holds the golden's one of another role.

    Equal digests entail the sentence, where no other layer of the golden holds that tensor, too.
    """
    told: list[str] = []
    layers: list[str] = []
    for path, items in by_layer(case.left).items():
        mixed = {
            item.tensor.role: role
            for item in items
            for role in _roles(case, path, item.candidate.digest)
            if role != item.tensor.role
        }
        if mixed:
            held = set(mixed.values())
            # The other half of an exchange may be constant, as a fresh beta is.
            case.claim(i for i in items if i.tensor.role in mixed.keys() | held or is_constant(i))
            told += [f"{path}: {role} holds the {case.whose} {other}"
                     for role, other in mixed.items()]  # fmt: skip
            layers.append(path)
    relabelled = _relabelled(case)
    told += relabelled.values()
    layers += relabelled
    if layers:
        yield Diagnosis(
            code="roles-mixed",
            layers=layers,
            confidence=1.0,
            summary=f"Tensors stand in each other's place: {some(told, 2)}.",
            evidence=[f"equal digests: {line}" for line in lines(told)],
            advice="Give set_weights the order that layer.weights has: gamma, beta, moving_mean, "
            "moving_variance in a BatchNormalization.",
        )


def _roles(case: Case, path: str, digest: bytes) -> list[str]:
    """The roles of a tensor that the golden holds in this layer only, and that is no constant."""
    owners = case.owners.get(digest, [])
    return [role for _, role in owners] if {owner for owner, _ in owners} == {path} else []


def _relabelled(case: Case) -> dict[str, str]:
    """Layers set otherwise, so that an equal tensor now has another role."""
    found: dict[str, str] = {}
    if case.golden.weights is None or case.candidate.weights is None:
        return found
    set_otherwise = {f.layer for f in case.found("config-changed")}
    differing = {item.place for item in case.comparison.changed}
    for pair in case.pairing.pairs:
        path = pair.golden.path
        for tensor, other in pair.tensors if path in set_otherwise else ():
            equal = (path, tensor.index) not in differing
            held = case.held.get((path, tensor.role))
            telling = held is not None and _roles(case, path, held.digest)
            if equal and telling and other is not None and other.role != tensor.role:
                found[path] = f"{path}: {other.role} holds the {case.whose} {tensor.role}"
    return found
