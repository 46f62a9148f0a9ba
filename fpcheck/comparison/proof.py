"""Decides whether outputs follow from what was compared, so that the model need not run.

The rules below list everything that decides a model's outputs. Each item is equal on both sides,
differs, or is unknown. Outputs are proved only if every item is known to be equal.
"""

from fpcheck.comparison.pairing import Pair
from fpcheck.fingerprint.fingerprint import Fingerprint, measured_by_place
from fpcheck.fingerprint.first_recipe import unrecorded
from fpcheck.fingerprint.outputs import Outputs
from fpcheck.fingerprint.structure import Structure
from fpcheck.layout.placement import is_weights_only
from fpcheck.layout.storage_gaps import alike, assets_not_stored

_DIFFERS = "the model differs"


def why_not_proved(
    golden: Fingerprint, candidate: Fingerprint, environment: dict[str, str], preprocess: str
) -> str | None:
    """Why outputs are not proved; None if they follow without running the model.

    Args:
        golden: contains the outputs that would follow.
        candidate: what was loaded.
        environment: in which the candidate would run.
        preprocess: with which it would run.
    """
    if reason := why_not_equal(golden, candidate):
        return reason
    if golden.outputs is None:
        return "the golden contains no outputs"
    return (
        _noise(golden.outputs)
        or _environment(golden.outputs, environment)
        or _preprocessing(golden.outputs, preprocess)
    )


def why_not_equal(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Why two models may compute differently; None if they surely compute the same."""
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


def lacks_only_state(golden: Fingerprint, candidate: Fingerprint) -> bool:
    """Whether two models are equal except for state that a container does not store."""
    ours, theirs = alike(golden, candidate)
    if (
        _architecture(golden.structure, candidate.structure)
        or _configuration(ours.structure, theirs.structure)
        or _weights(ours, theirs)
    ):
        return False
    return bool(_assets(golden, candidate) or _derived_state(ours.structure, theirs.structure))


def _architecture(golden: Structure, candidate: Structure) -> str | None:
    if is_weights_only(candidate) or is_weights_only(golden):
        return "the architecture is not known"
    return None if golden.tensors else "the model has no weights"


def _recording(golden: Structure, candidate: Structure) -> str | None:
    """What an earlier fpcheck did not record is unknown."""
    missing = unrecorded(golden, candidate)
    return f"an earlier fpcheck recorded the golden, without {missing}" if missing else None


def _configuration(golden: Structure, candidate: Structure) -> str | None:
    return None if golden.shape_key == candidate.shape_key else _DIFFERS


def _weights(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Weights, and all derived or kept state that both sides store."""
    if golden.weights is None or candidate.weights is None:
        return "weights were not compared"
    ours, theirs = measured_by_place(golden), measured_by_place(candidate)
    for pair in _pairs(golden.structure, candidate.structure):
        if pair.added:
            return _DIFFERS
        for tensor, other in pair.tensors:
            if other is None or (
                ours[pair.golden.path, tensor.index].digest
                != theirs[pair.candidate.path, other.index].digest
            ):
                return _DIFFERS
    return None


def _assets(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Files that custom classes save beside their weights."""
    assets = assets_not_stored(golden, candidate)
    return f"{assets[0]} was not compared: the file does not contain it" if assets else None


def _derived_state(golden: Structure, candidate: Structure) -> str | None:
    """Vocabularies, their weights, statistics: state that only one of the containers stores."""
    for pair in _pairs(golden, candidate):
        if roles := pair.unknown:
            state = f"the {roles[0]} of {pair.golden.path}"
            return f"{state} was not compared: a file does not contain it"
    return None


def _outside(golden: Structure, candidate: Structure) -> str | None:
    """Files outside the model file may have changed, or differ where the model runs."""
    for layer in (*candidate.layers, *golden.layers):
        if layer.external_files:
            return f"{layer.path} reads {layer.external_files[0]}, which is outside the model file"
    return None


def _code(golden: Structure, candidate: Structure) -> str | None:
    """No file contains the code of custom classes, and equal code may call other code."""
    custom = golden.custom_code or candidate.custom_code
    return "the model has custom code" if custom else None


def _pairs(golden: Structure, candidate: Structure) -> list[Pair]:
    """Layers by place, which is the same on both sides, since configurations are equal."""
    pairs = zip(golden.layers, candidate.layers, strict=True)
    return [Pair(ours, theirs) for ours, theirs in pairs]


def _noise(golden: Outputs) -> str | None:
    differ = golden.noise.repeat != 0
    return "the golden's outputs differ from run to run" if differ else None


def _environment(golden: Outputs, here: dict[str, str]) -> str | None:
    recorded = golden.environment
    if recorded == here:
        return None
    names = [n for n in sorted({*recorded, *here}) if recorded.get(n) != here.get(n)]
    theirs, ours = (
        ", ".join(f"{name} {side.get(name) or 'none'}" for name in names)
        for side in (recorded, here)
    )
    return f"the environment differs: {theirs} in the golden, {ours} here"


def _preprocessing(golden: Outputs, preprocess: str) -> str | None:
    if golden.preprocess != preprocess:
        return f"preprocessing differs: {golden.preprocess} in the golden"
    if ":" in preprocess:
        return "your own preprocessing function is known only by its name"
    return None
