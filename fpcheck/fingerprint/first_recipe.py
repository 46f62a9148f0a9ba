"""Structures of the first recipe, which recorded less: compared by what they recorded.

What the first recipe did not record is removed from the other structure too. `unrecorded` names
it, so that it proves nothing.
"""

from typing import Any

from msgspec.structs import replace

from fpcheck.fingerprint.attribute_rules import AXIS_OF_OUTPUT, BOOKKEEPING, NUMBERS, is_training
from fpcheck.fingerprint.canonical import GRAPH_ENDS
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import (
    ASSET,
    CARRIED,
    FIRST_RECIPE,
    RECIPE,
    ROOT,
    USED,
    Layer,
    Structure,
    trains,
)

# The state that layers of these classes derive from other state.
_DERIVED = {
    **dict.fromkeys(("StringLookup", "IntegerLookup", "TextVectorization"), ("vocabulary",)),
    "Normalization": (f"{USED}mean", f"{USED}variance"),
}
# Attributes that the first recipe omitted, and the aspect that the second stores for each layer.
_NEW = ("autocast", "implementation", "zero_output_for_mask")
_DERIVED_TENSORS = "derived-tensors"
_KEYS = "the keys of its inputs and outputs"


def of_one_recipe(first: Fingerprint, second: Fingerprint) -> tuple[Fingerprint, Fingerprint]:
    """Both fingerprints by the first recipe, if either was recorded by it; else unchanged."""
    if FIRST_RECIPE not in (first.structure.recipe, second.structure.recipe):
        return first, second
    reduced = _reduced(first.structure), _reduced(second.structure)
    return first.restricted(reduced[0]), second.restricted(reduced[1])


def unrecorded(golden: Structure, candidate: Structure) -> str | None:
    """What decides outputs and only the newer of two recipes records; None if nothing does."""
    older = [s for s in (golden, candidate) if s.recipe == FIRST_RECIPE]
    newer = [s for s in (golden, candidate) if s.recipe != FIRST_RECIPE]
    for structure in older:
        if len(structure.inputs) > 1 or len(structure.outputs) > 1:
            return _KEYS
        if any((la.config or {}).get("stateful") for la in structure.layers):
            return "the state that layers carry between calls"
    if not older or not newer:
        return None
    if any(port.key for structure in newer for port in (*structure.inputs, *structure.outputs)):
        return _KEYS
    layers = (layer for structure in newer for layer in structure.layers)
    lost = next((layer.path for layer in layers if layer != _reduced_layer(layer, False)), None)
    return None if lost is None else f"all that decides the outputs of {lost}"


def _reduced(structure: Structure) -> Structure:
    sides = (structure.inputs, structure.outputs)
    inputs, outputs = (tuple(replace(port, key="") for port in side) for side in sides)
    no_derived = _DERIVED_TENSORS in structure.not_stored
    reduced = (_reduced_layer(layer, no_derived) for layer in structure.layers)
    layers = tuple(la for la in reduced if la.path != ROOT or la.tensors or la.config)
    not_stored = tuple(aspect for aspect in structure.not_stored if aspect != _DERIVED_TENSORS)
    structure = replace(structure, inputs=inputs, outputs=outputs, recipe=RECIPE)
    return replace(structure, layers=layers, not_stored=not_stored)


def _reduced_layer(layer: Layer, no_derived: bool) -> Layer:
    """A layer by the first recipe; `no_derived` if its file did not store derived state."""
    config, name = layer.config, layer.class_name
    if config is not None:
        known, training = bool(name) and not layer.custom, trains(layer.calls or ())
        # Whether it is the configuration of a custom class, or of a model of custom class.
        custom = layer.custom or layer.path == ROOT or "outputs" in config

        def is_omitted(key: str) -> bool:
            by_input = key == "axis" and name in AXIS_OF_OUTPUT  # counted by the input's rank
            new = by_input or key in _NEW or (name, key) in NUMBERS
            new = new or (key == "seed" and name.startswith("ops."))
            in_training = training and is_training(name, key)
            return (known and new) or in_training or (custom and key == "dtype")

        config = _reduced_config({k: v for k, v in config.items() if not is_omitted(k)}, custom)
    not_stored = layer.not_stored
    if no_derived and not any(tensor.derived for tensor in layer.tensors):
        not_stored = _DERIVED.get(name, not_stored)
    tensors = tuple(t for t in layer.tensors if not t.role.startswith((ASSET, CARRIED)))
    return replace(layer, config=config, not_stored=not_stored, tensors=tensors)


def _reduced_config(value: Any, custom: bool) -> Any:
    """A configuration without the ends of graphs in it, which the first recipe named by layer.

    It also omitted None and bookkeeping in that of a `custom` class.
    """
    if isinstance(value, list):
        return [_reduced_config(item, custom) for item in value]
    if not isinstance(value, dict):
        return value
    omitted = {*GRAPH_ENDS} if "layers" in value else set()
    if custom and value.keys() == {"class", "config"}:
        kind, config = value["class"], value["config"]
        if isinstance(config, dict):
            names = {"name", "trainable", *(k for k in config if is_training(kind, k))}
            config = {k: v for k, v in config.items() if k not in names}
        return {"class": kind, "config": _reduced_config(config, custom)}
    if custom:
        omitted |= BOOKKEEPING - {"name", "dtype", "trainable"}  # a nested object kept these
        omitted |= {key for key, item in value.items() if item is None}
    return {k: _reduced_config(item, custom) for k, item in value.items() if k not in omitted}
