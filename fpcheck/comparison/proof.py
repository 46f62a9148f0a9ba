"""When outputs follow from what was compared, so that they need not be run.

The one place where that is decided. A model's outputs are decided by what the rules below list, and
by nothing else: each item is equal on both sides, or differs, or is unknown. Where any is not known
to be equal, outputs are not proved.
"""

from fpcheck.comparison.pairing import Pair
from fpcheck.fingerprint.fingerprint import Fingerprint, measured_by_place
from fpcheck.fingerprint.first_recipe import unrecorded
from fpcheck.fingerprint.outputs import Outputs
from fpcheck.fingerprint.structure import Structure
from fpcheck.layout.placement import is_weights_only
from fpcheck.layout.storage_gaps import alike, assets_not_stored

_DIFFERS = "the model differs"


def hindrance(
    golden: Fingerprint, candidate: Fingerprint, environment: dict[str, str], preprocess: str
) -> str | None:
    """What keeps the outputs from being proved; None where they follow without being run.

    Args:
        golden: holds the outputs that would follow.
        candidate: what was loaded.
        environment: in which the candidate would run.
        preprocess: with which it would run.
    """
    if models := unlike(golden, candidate):
        return models
    if golden.outputs is None:
        return "the golden holds no outputs"
    return (
        _noise(golden.outputs)
        or _environment(golden.outputs, environment)
        or _preprocessing(golden.outputs, preprocess)
    )


def unlike(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Why two models are not known to do the same arithmetic on the same numbers; None if so."""
    ours, theirs = alike(golden, candidate)
    return (
        _architecture(golden.structure, candidate.structure)
        or _recording(golden.structure, candidate.structure)
        or _configuration(ours.structure, theirs.structure)
        or _weights(ours, theirs)
        or _assets(golden, candidate)
        or _derived_state(ours.structure, theirs.structure)
        or _outside(golden.structure, candidate.structure)
        or _code(golden.structure, candidate.structure)
    )


def lacks_state(golden: Fingerprint, candidate: Fingerprint) -> bool:
    """Whether only state that a container does not tell keeps two models from being compared."""
    ours, theirs = alike(golden, candidate)
    differ = (
        _architecture(golden.structure, candidate.structure)
        or _configuration(ours.structure, theirs.structure)
        or _weights(ours, theirs)
    )
    if differ is not None:
        return False
    lacking = _assets(golden, candidate) or _derived_state(ours.structure, theirs.structure)
    return lacking is not None


def _architecture(golden: Structure, candidate: Structure) -> str | None:
    if is_weights_only(candidate) or is_weights_only(golden):
        return "the architecture is not known"
    return None if golden.tensors else "the model has no weights"


def _recording(golden: Structure, candidate: Structure) -> str | None:
    """What an earlier fpcheck did not record is unknown."""
    lost = unrecorded(golden, candidate)
    return f"the golden is of an earlier fpcheck, which did not record {lost}" if lost else None


def _configuration(golden: Structure, candidate: Structure) -> str | None:
    return None if golden.shape_key == candidate.shape_key else _DIFFERS


def _weights(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Weights, and all state that layers derive or keep and that both sides tell."""
    if golden.weights is None or candidate.weights is None:
        return "weights were not compared"
    held, other = measured_by_place(golden), measured_by_place(candidate)
    for pair in _pairs(golden.structure, candidate.structure):
        if pair.added:
            return _DIFFERS
        for tensor, same in pair.tensors:
            if same is None or (
                held[pair.golden.path, tensor.index].digest
                != other[pair.candidate.path, same.index].digest
            ):
                return _DIFFERS
    return None


def _assets(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Files that custom classes save beside their weights."""
    assets = assets_not_stored(golden, candidate)
    return f"{assets[0]} was not compared: the file does not hold it" if assets else None


def _derived_state(golden: Structure, candidate: Structure) -> str | None:
    """Vocabularies, their weights, statistics: what one container tells and the other does not."""
    for pair in _pairs(golden, candidate):
        if roles := pair.unknown:
            return f"the {roles[0]} of {pair.golden.path} was not compared: a file does not hold it"
    return None


def _outside(golden: Structure, candidate: Structure) -> str | None:
    """Files outside the model file may have changed since, or be others where it runs."""
    for layer in (*candidate.layers, *golden.layers):
        if layer.external_files:
            path = layer.external_files[0]
            return f"{layer.path} reads {path}, which lies outside the model file"
    return None


def _code(golden: Structure, candidate: Structure) -> str | None:
    """No file holds the code of custom classes, and equal code may call other code."""
    custom = golden.custom_code or candidate.custom_code
    return "the model has custom code" if custom else None


def _pairs(golden: Structure, candidate: Structure) -> list[Pair]:
    """Layers by their place, which is the same on both sides: configurations are equal."""
    pairs = zip(golden.layers, candidate.layers, strict=True)
    return [Pair(ours, theirs) for ours, theirs in pairs]


def _noise(golden: Outputs) -> str | None:
    differ = golden.noise.repeat != 0
    return "the golden's outputs differ from run to run" if differ else None


def _environment(golden: Outputs, here: dict[str, str]) -> str | None:
    held = golden.environment
    if held == here:
        return None
    names = [n for n in sorted({*held, *here}) if held.get(n) != here.get(n)]
    theirs, ours = (
        ", ".join(f"{name} {side.get(name) or 'none'}" for name in names) for side in (held, here)
    )
    return f"other environment: {theirs} in the golden, {ours} here"


def _preprocessing(golden: Outputs, preprocess: str) -> str | None:
    if golden.preprocess != preprocess:
        return f"other preprocessing: {golden.preprocess} in the golden"
    if ":" in preprocess:
        return "preprocessing by a function of your own, which is known by its name only"
    return None
