"""Goldens of the first recipe, which recorded less of a structure: compared by what they recorded.

Whatever the first recipe left out is left out of the other side too, and `unrecorded` names it, so
that nothing is proved by it.
"""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from fpcheck.fingerprint.canonical import AXIS_OF_OUTPUT, BOOKKEEPING, NUMBERS, is_training
from fpcheck.fingerprint.fingerprint import Fingerprint
from fpcheck.fingerprint.structure import (
    ASSET,
    CARRIED,
    DERIVED,
    FIRST_RECIPE,
    RECIPE,
    ROOT,
    USED,
    Layer,
    Structure,
    trains,
)

# What layers of these classes derive from other state.
_DERIVED = {
    **dict.fromkeys(("StringLookup", "IntegerLookup", "TextVectorization"), ("vocabulary",)),
    "Normalization": (f"{USED}mean", f"{USED}variance"),
}
_KEYS = "the keys of its inputs and outputs"


def of_one_recipe(first: Fingerprint, second: Fingerprint) -> tuple[Fingerprint, Fingerprint]:
    """Both as the first recipe would have recorded them, where either was recorded by it."""
    if FIRST_RECIPE not in (first.structure.recipe, second.structure.recipe):
        return first, second
    return first.restricted(_reduced(first.structure)), second.restricted(
        _reduced(second.structure)
    )


def unrecorded(golden: Structure, candidate: Structure) -> str | None:
    """What decides outputs and only the newer of two recipes records; None where nothing does."""
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
    lost = [
        layer.path for structure in newer for layer in structure.layers
        if layer != _reduced_layer(layer, False)
    ]  # fmt: skip
    return f"all that decides the outputs of {lost[0]}" if lost else None


def _reduced(structure: Structure) -> Structure:
    bare = [
        tuple(replace(port, key="") for port in ports)
        for ports in (structure.inputs, structure.outputs)
    ]
    unknown = DERIVED in structure.untold
    reduced = (_reduced_layer(layer, unknown) for layer in structure.layers)
    layers = tuple(la for la in reduced if la.path != ROOT or la.tensors or la.config)
    untold = tuple(aspect for aspect in structure.untold if aspect != DERIVED)
    return replace(
        structure, inputs=bare[0], outputs=bare[1], layers=layers, untold=untold, recipe=RECIPE
    )


def _reduced_layer(layer: Layer, unknown: bool) -> Layer:
    """A layer by the first recipe; `unknown` where its container did not tell derived state."""
    config = layer.config
    if config is not None and layer.class_name and not layer.custom:
        config = {k: v for k, v in config.items() if not _is_new(layer.class_name, k)}
    if config is not None and trains(layer.calls or ()):
        config = {k: v for k, v in config.items() if not is_training(layer.class_name, k)}
    if config is not None and _is_own(layer):
        config = _less({k: v for k, v in config.items() if k != "dtype"})
    untold = layer.untold
    if unknown and not any(tensor.derived for tensor in layer.tensors):
        untold = _DERIVED.get(layer.class_name, untold)
    tensors = tuple(t for t in layer.tensors if not t.role.startswith((ASSET, CARRIED)))
    return replace(layer, config=config, untold=untold, tensors=tensors)


def _is_new(class_name: str, key: str) -> bool:
    """Whether the first recipe left an attribute out, or counted an axis by the input's rank."""
    by_input = key == "axis" and class_name in AXIS_OF_OUTPUT
    in_training = key == "seed" and class_name.startswith("ops.")
    otherwise = key in ("autocast", "implementation", "zero_output_for_mask")
    return by_input or in_training or otherwise or (class_name, key) in NUMBERS


def _is_own(layer: Layer) -> bool:
    """Whether its configuration is that of a custom class, or of a model of custom class."""
    return layer.custom or layer.path == ROOT or "outputs" in (layer.config or {})


def _less(value: Any) -> Any:
    """Without None and bookkeeping, which the first recipe left out of custom configurations."""
    if isinstance(value, dict) and value.keys() == {"class", "config"}:
        kind, config = value["class"], value["config"]
        if isinstance(config, dict):
            config = {k: v for k, v in config.items()
                      if k not in ("name", "trainable") and not is_training(kind, k)}  # fmt: skip
        return {"class": kind, "config": _less(config)}
    if isinstance(value, dict):
        return dict(_kept(value))
    return [_less(item) for item in value] if isinstance(value, list) else value


def _kept(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    nested = {"name", "dtype", "trainable"}  # a nested object kept its dtype
    for key, item in value.items():
        if item is not None and (key not in BOOKKEEPING or key in nested):
            yield key, _less(item)
