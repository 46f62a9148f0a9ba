"""Exchanged tensors of one layer: a moving variance with the values of the moving mean."""

from fpcheck.diagnosis.case import Case, Diagnoses, by_layer, diagnosis, some


def diagnose(case: Case) -> Diagnoses:
    """One diagnosis for all layers in which a tensor has the golden's values of another role.

    Equal digests prove the sentence, if no other layer of the golden has that tensor.
    """
    exchanges: dict[str, list[str]] = {}
    for path, items in by_layer(case.unexplained_tensors).items():
        sources = {
            item.tensor.role: role
            for item in items
            for role in _roles(case, path, item.candidate.digest)
            if role != item.tensor.role
        }
        if sources:
            roles = sources.keys() | sources.values()
            # The other half of an exchange may be constant, such as a fresh beta.
            case.explain(i for i in items if i.tensor.role in roles or i.constant)
            exchanges[path] = [_text(case, path, *pair) for pair in sources.items()]
    for path, text in _relabelled(case).items():
        exchanges.setdefault(path, []).append(text)
    if exchanges:
        texts = [text for layer in exchanges.values() for text in layer]
        yield diagnosis(
            "roles-mixed",
            exchanges,
            f"Tensors of one layer are exchanged: {some(texts, 2)}.",
            [f"equal digests: {text}" for text in texts],
            "Give set_weights the order that layer.weights has: gamma, beta, moving_mean, "
            "moving_variance in a BatchNormalization.",
        )


def _text(case: Case, path: str, role: str, source: str) -> str:
    return f"{path}: {role} has the values of the {case.reference}'s {source}"


def _roles(case: Case, path: str, digest: bytes | None) -> list[str]:
    """The golden's roles of a tensor, if it is no constant and only this layer has it."""
    owners = case.owners.get(digest or b"", [])
    return [role for _, role in owners] if {owner for owner, _ in owners} == {path} else []


def _relabelled(case: Case) -> dict[str, str]:
    """Layers with other settings, because of which an equal tensor now has another role."""
    if case.candidate.weights is None:
        return {}
    configured = {f.layer for f in case.unexplained("config-changed")}
    changed = {item.place for item in case.comparison.changed}
    exchanges: dict[str, str] = {}
    for pair in case.pairing.pairs:
        path = pair.golden.path
        for tensor, other in pair.tensors if path in configured else ():
            known = _roles(case, path, case.digest(path, tensor.role))
            equal = (path, tensor.index) not in changed
            if equal and known and other is not None and other.role != tensor.role:
                exchanges[path] = _text(case, path, other.role, tensor.role)
    return exchanges
