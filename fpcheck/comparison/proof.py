"""Decides whether outputs follow from what was compared, so that the model need not run.

The rules below list everything that decides a model's outputs. Each item is equal on both sides,
differs, or is unknown. Outputs are proved only if every item is known to be equal.
"""

from collections.abc import Iterator

from fpcheck.comparison.pairing import Pair
from fpcheck.comparison.weight_findings import changes
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.first_recipe import unrecorded
from fpcheck.fingerprint.structure import Structure
from fpcheck.layout.placement import is_weights_only
from fpcheck.layout.storage_gaps import alike, assets_not_stored


def why_not_proved(
    golden: Fingerprint, candidate: Fingerprint, environment: dict[str, str], preprocess: str
) -> str | None:
    """Why outputs are not proved; None if they follow without running the model.

    The golden's outputs would follow in this environment and with this preprocessing.
    """
    outputs = golden.outputs
    if reason := why_not_equal(golden, candidate):
        return reason
    if outputs is None:
        return "the golden contains no outputs"
    if outputs.noise.repeat != 0:
        return "the golden's outputs differ from run to run"
    if outputs.environment != environment:
        return _describe_environments(outputs.environment, environment)
    if outputs.preprocess != preprocess:
        return f"preprocessing differs: {outputs.preprocess} in the golden"
    return (
        "your own preprocessing function is known only by its name" if ":" in preprocess else None
    )


def _describe_environments(recorded: dict[str, str], here: dict[str, str]) -> str:
    names = [n for n in sorted({*recorded, *here}) if recorded.get(n) != here.get(n)]
    in_golden, in_this = (
        ", ".join(f"{name} {side.get(name) or 'none'}" for name in names)
        for side in (recorded, here)
    )
    return f"the environment differs: {in_golden} in the golden, {in_this} here"


def why_not_equal(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Why two models may compute differently; None if they surely compute the same."""
    was, now = golden.structure, candidate.structure
    both = alike(golden, candidate)
    missing = unrecorded(was, now)  # what an earlier fpcheck did not record is unknown
    return (
        _architecture(was, now)
        or (missing and f"an earlier fpcheck recorded the golden, without {missing}")
        or _difference(*both)
        or next(_not_stored(assets_not_stored(golden, candidate), *both), None)
        or _outside(was, now)
        # No file contains the code of custom classes, and equal code may call other code.
        or ("the model has custom code" if was.custom_code or now.custom_code else None)
    )


def lacks_only_state(golden: Fingerprint, candidate: Fingerprint) -> bool:
    """Whether two models are equal except for state that a container does not store."""
    both = alike(golden, candidate)
    if _architecture(golden.structure, candidate.structure) or _difference(*both):
        return False
    return any(_not_stored(assets_not_stored(golden, candidate), *both))


def _architecture(golden: Structure, candidate: Structure) -> str | None:
    if is_weights_only(candidate) or is_weights_only(golden):
        return "the architecture is not known"
    return None if golden.tensors else "the model has no weights"


def _difference(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Of configurations, weights, and all derived or kept state that both sides store."""
    if golden.structure.shape_key != candidate.structure.shape_key:
        return "the model differs"
    if golden.weights is None or candidate.weights is None:
        return "weights were not compared"
    pairs = _pairs(golden.structure, candidate.structure)
    lacking = any(p.added or any(other is None for _, other in p.tensors) for p in pairs)
    return "the model differs" if lacking or changes(golden, candidate, pairs) else None


def _not_stored(assets: list[str], golden: Fingerprint, candidate: Fingerprint) -> Iterator[str]:
    """State that only one container stores: files of custom classes, vocabularies, statistics."""
    for role in assets:
        yield f"{role} was not compared: the file does not contain it"
    for pair in _pairs(golden.structure, candidate.structure):
        for role in pair.unknown:
            yield f"the {role} of {pair.golden.path} was not compared: a file does not contain it"


def _outside(golden: Structure, candidate: Structure) -> str | None:
    """Files outside the model file may have changed, or differ where the model runs."""
    for layer in (*candidate.layers, *golden.layers):
        if layer.external_files:
            return f"{layer.path} reads {layer.external_files[0]}, which is outside the model file"
    return None


def _pairs(golden: Structure, candidate: Structure) -> list[Pair]:
    """Layers by place, which is the same on both sides, since configurations are equal."""
    return [Pair(g, c) for g, c in zip(golden.layers, candidate.layers, strict=True)]
