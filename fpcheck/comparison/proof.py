"""When outputs follow from weights and structure, so that they need not be run."""

from fpcheck.fingerprint.placing import is_weights_only
from fpcheck.fingerprint.told import alike
from fpcheck.fingerprint.value import Fingerprint


def _same(golden: Fingerprint, candidate: Fingerprint) -> bool:
    """Whether structures are equal but for names, and the digests of all weights are."""
    if golden.structure.shape_key != candidate.structure.shape_key:
        return False
    ours, theirs = golden.weights or (), candidate.weights or ()
    return [m.digest for m in ours] == [m.digest for m in theirs]


def hindrance(
    golden: Fingerprint, candidate: Fingerprint, environment: dict[str, str], preprocess: str
) -> str | None:
    """What keeps the outputs from being proved; None where they follow without being run.

    Same weights, same configuration, same recorded environment, no custom code, and a golden whose
    outputs are sound: then the same arithmetic is done on the same numbers.
    """
    outputs = golden.outputs
    if (models := unlike(golden, candidate)) is not None:
        return models
    if outputs is None:
        return "the golden holds no outputs"
    if outputs.noise.repeat != 0:
        return "the golden's outputs differ from run to run"
    if outputs.environment != environment:
        return _other_environment(outputs.environment, environment)
    if outputs.preprocess != preprocess:
        return f"other preprocessing: {outputs.preprocess} in the golden"
    if ":" in preprocess:
        return "preprocessing by a function of your own, which is known by its name only"
    return None


def unlike(golden: Fingerprint, candidate: Fingerprint) -> str | None:
    """Why two models are not known to do the same arithmetic on the same numbers; None if so."""
    if is_weights_only(candidate.structure) or is_weights_only(golden.structure):
        return "the architecture is not known"
    golden, candidate = alike(golden, candidate)
    if golden.weights is None or candidate.weights is None:
        return "weights were not compared"
    if not _same(golden, candidate):
        return "the model differs"
    if golden.structure.custom_code or candidate.structure.custom_code:
        return "the model has custom code"
    return None if golden.structure.tensors else "the model has no weights"


def _other_environment(golden: dict[str, str], here: dict[str, str]) -> str:
    names = [n for n in sorted({*golden, *here}) if golden.get(n) != here.get(n)]
    theirs, ours = (
        ", ".join(f"{name} {held.get(name) or 'none'}" for name in names) for held in (golden, here)
    )
    return f"other environment: {theirs} in the golden, {ours} here"
