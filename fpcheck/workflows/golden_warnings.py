"""What a person should know of a golden that was just recorded."""

from collections.abc import Iterator

from fpcheck.fingerprint.outputs import Outputs
from fpcheck.fingerprint.probe_values import UNKNOWN_WORDS
from fpcheck.fingerprint.structure import Layer
from fpcheck.golden.golden import Golden
from fpcheck.keras_config import builtin_layers
from fpcheck.wording import some


def warnings(golden: Golden) -> tuple[str, ...]:
    """One sentence for each weakness: what the golden cannot show, and what may be wrong."""
    outputs = golden.fingerprint.outputs
    of_outputs = _of_outputs(outputs, golden.tolerances.bound_of_outputs) if outputs else ()
    return (*of_outputs, *_of_weights(golden), *_of_layers(golden))


def _of_outputs(outputs: Outputs, allowed: float) -> Iterator[str]:
    for path in outputs.reach.unreached:
        yield (
            f"the probes do not test {path}: the outputs did not change when its weights were "
            "replaced"
        )
    if untried := outputs.reach.untried:
        yield (
            f"whether the probes test {some(untried)} is unknown: the trial failed or took too long"
        )
    if any(
        asked.kind == "text" and asked.words == UNKNOWN_WORDS for asked in outputs.probes.inputs
    ):
        yield (
            "no vocabulary is known, so the text probes contain only unknown words: the outputs "
            "cannot show a changed vocabulary"
        )
    if outputs.noise.largest > allowed:
        yield (
            f"the model is noisy: the same probes differ by {outputs.noise.largest:.2g}, so ten "
            "times that is allowed"
        )


def _of_weights(golden: Golden) -> Iterator[str]:
    structure, weights = golden.fingerprint.structure, golden.fingerprint.weights
    for (layer, tensor), measured in zip(structure.tensors, weights or (), strict=bool(weights)):
        if measured.details and measured.details.statistics.non_finite:
            yield f"{layer.path}/{tensor.role} contains NaN or infinity"


def _of_layers(golden: Golden) -> Iterator[str]:
    for layer in golden.fingerprint.structure.layers:
        if _lacks_weights(layer):
            yield (
                f"{layer.path} contains no weights: it was saved before it was built, and Keras "
                "loads it with random weights"
            )


def _lacks_weights(layer: Layer) -> bool:
    """Whether a layer of the framework is without the weights that it has once it is built."""
    if layer.custom or layer.tensors or layer.config is None:
        return False
    return bool(builtin_layers.roles(layer.class_name, layer.config, layer.dtype))
