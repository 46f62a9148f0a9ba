"""When outputs follow from what was compared, so that they need not be run.

The one place where that is decided. A model's outputs are decided by what `_OF_MODELS` and
`_OF_RUNS` list, and by nothing else: each item is equal on both sides, or differs, or is unknown.
Where any is not known to be equal, outputs are not proved.
"""

from collections.abc import Callable

from fpcheck.comparison.pairing import Pair
from fpcheck.fingerprint.first_recipe import unrecorded
from fpcheck.fingerprint.placing import is_weights_only
from fpcheck.fingerprint.told import alike, untold_assets
from fpcheck.fingerprint.value import Fingerprint, measured_by_place


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
    return (
        unlike(golden, candidate)
        or _outputs(golden)
        or _environment(golden, environment)
        or _preprocessing(golden, preprocess)
    )


def unlike(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Why two models are not known to do the same arithmetic on the same numbers; None if so."""
    return next((why for rule in _OF_MODELS if (why := rule(golden, candidate))), None)


def lacks_state(golden: Fingerprint, candidate: Fingerprint) -> bool:
    """Whether only state that a container does not tell keeps two models from being compared."""
    known = (_architecture, _configuration, _weights)
    alike_so_far = all(rule(golden, candidate) is None for rule in known)
    return alike_so_far and _derived_state(golden, candidate) is not None


def _architecture(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    if is_weights_only(candidate.structure) or is_weights_only(golden.structure):
        return "the architecture is not known"
    return None if golden.structure.tensors else "the model has no weights"


def _recording(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """What an earlier fpcheck did not record is unknown."""
    lost = unrecorded(golden.structure, candidate.structure)
    return f"the golden is of an earlier fpcheck, which did not record {lost}" if lost else None


def _configuration(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    ours, theirs = alike(golden, candidate)
    return None if ours.structure.shape_key == theirs.structure.shape_key else "the model differs"


def _weights(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Weights, and all state that layers derive or keep and that both sides tell."""
    ours, theirs = alike(golden, candidate)
    if ours.weights is None or theirs.weights is None:
        return "weights were not compared"
    held, other = measured_by_place(ours), measured_by_place(theirs)
    for pair in _pairs(ours, theirs):
        if pair.added:
            return "the model differs"
        for tensor, same in pair.tensors:
            if same is None or (
                held[pair.golden.path, tensor.index].digest
                != other[pair.candidate.path, same.index].digest
            ):
                return "the model differs"
    return None


def _derived_state(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Vocabularies, their weights, statistics: what one container tells and the other does not."""
    if assets := untold_assets(golden, candidate):
        return f"{assets[0]} was not compared: the file does not hold it"
    for pair in _pairs(*alike(golden, candidate)):
        if roles := pair.unknown:
            return f"the {roles[0]} of {pair.golden.path} was not compared: a file does not hold it"
    return None


def _outside(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Files outside the model file may have changed since, or be others where it runs."""
    for structure in (candidate.structure, golden.structure):
        for layer in structure.layers:
            if layer.outside:
                return f"{layer.path} reads {layer.outside[0]}, which lies outside the model file"
    return None


def _code(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """No file holds the code of custom classes, and equal code may call other code."""
    custom = golden.structure.custom_code or candidate.structure.custom_code
    return "the model has custom code" if custom else None


def _outputs(golden: Fingerprint) -> str | None:
    if golden.outputs is None:
        return "the golden holds no outputs"
    if golden.outputs.noise.repeat != 0:
        return "the golden's outputs differ from run to run"
    return None


def _environment(golden: Fingerprint, here: dict[str, str]) -> str | None:
    held = golden.outputs.environment if golden.outputs else {}
    if held == here:
        return None
    names = [n for n in sorted({*held, *here}) if held.get(n) != here.get(n)]
    theirs, ours = (
        ", ".join(f"{name} {side.get(name) or 'none'}" for name in names) for side in (held, here)
    )
    return f"other environment: {theirs} in the golden, {ours} here"


def _preprocessing(golden: Fingerprint, preprocess: str) -> str | None:
    recorded = golden.outputs.preprocess if golden.outputs else ""
    if recorded != preprocess:
        return f"other preprocessing: {recorded} in the golden"
    if ":" in preprocess:
        return "preprocessing by a function of your own, which is known by its name only"
    return None


def _pairs(golden: Fingerprint, candidate: Fingerprint) -> list[Pair]:
    """Layers by their place, which is the same on both sides: configurations are equal."""
    pairs = zip(golden.structure.layers, candidate.structure.layers, strict=True)
    return [Pair(ours, theirs) for ours, theirs in pairs]


# In this order: later rules rest on earlier ones.
_OF_MODELS: tuple[Callable[[Fingerprint, Fingerprint], str | None], ...] = (
    _architecture,
    _recording,
    _configuration,
    _weights,
    _derived_state,
    _outside,
    _code,
)
