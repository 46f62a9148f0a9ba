"""The structure and the tensors of a live Keras model."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec.structs import astuple

from fpcheck.codec import Array
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.attribute_rules import from_the_end
from fpcheck.fingerprint.canonical import own_config, split_config
from fpcheck.fingerprint.derived import State, tensors_of
from fpcheck.fingerprint.probe_values import first_words
from fpcheck.fingerprint.structure import (
    ASSETS,
    CARRIED,
    COUNTER,
    OUTPUT_SHAPES,
    ROOT,
    Layer,
    Structure,
    Tensor,
    trains,
)
from fpcheck.model.assets import saved_assets
from fpcheck.model.custom_code import attributes, code_digest
from fpcheck.model.custom_config import custom_config
from fpcheck.model.layer_walk import (
    Place,
    effective,
    graph_of,
    is_builtin,
    is_custom,
    own_variables,
    walk,
)
from fpcheck.model.live_graph import (
    Paths,
    calls,
    edge,
    input_ports,
    is_bare_chain,
    output_ports,
)


def read_structure(model: Any) -> Structure:
    """The structure of a built Keras model.

    Raises:
        FpcheckError: the model is not built, so that its layers have no weights yet.
    """
    places = walk(model)
    bare = not any(own_variables(place.layer) for place in places)
    if not model.built or (bare and not all(getattr(p.layer, "built", True) for p in places)):
        raise FpcheckError(
            f"model '{model.name}' is not built: its layers have no weights yet",
            "Give it an Input, or call it once on data of the right shape.",
        )
    paths = {id(place.layer): place.path for place in places}
    assets = saved_assets(model)
    not_stored = [OUTPUT_SHAPES] if is_bare_chain(model) else []
    return Structure(
        class_name=_class_name(model),
        # A `call` in the instance was set by a user, so it is custom code.
        custom=not is_builtin(type(model)) or "call" in vars(model),
        inputs=input_ports(model, paths),
        outputs=output_ports(model, paths),
        layers=(
            *_root(model, assets or []),
            *(_read_layer(p, paths) for p in places if p.layer is not model),
        ),
        not_stored=(*not_stored, *([ASSETS] if assets is None else [])),
    )


def _root(model: Any, assets: State) -> tuple[Layer, ...]:
    """The weights and the configuration of the model itself, beside its layers."""
    tensors = (*_stored(model), *tensors_of(assets, len(own_variables(model))))
    config = None if is_builtin(type(model)) else own_config(custom_config(model)) or None
    root = Layer(ROOT, "", True, "", config, {}, None, tensors)
    return (root,) if tensors or config else ()


def read_tensors(model: Any) -> Iterator[tuple[Array, str]]:
    """Values and dtype of every tensor, in the order of `Structure.tensors`."""
    yield from _values(model, saved_assets(model) or [])
    for place in walk(model):
        if place.layer is not model:
            yield from _values(place.layer, derived_tensors(place.layer))


def _values(layer: Any, derived: State) -> Iterator[tuple[Array, str]]:
    import keras

    for variable in own_variables(layer):
        values = np.asarray(keras.ops.convert_to_numpy(effective(layer, variable)))
        dtype = _dtype(layer, variable)
        yield values.astype(np.int64) if dtype == "int64" else values, dtype
    for _, array, dtype in derived:
        yield array, dtype


def derived_tensors(layer: Any) -> State:
    """State that weight files do not contain."""
    import keras

    if hasattr(layer, "get_vocabulary"):
        try:
            words = layer.get_vocabulary()
        except (RuntimeError, ValueError):  # the layer is not adapted yet
            return []
        numbers = bool(words) and not isinstance(words[0], str)
        kind, dtype = (np.int64, "int64") if numbers else (object, "string")
        return [("vocabulary", np.asarray(words, kind), dtype), *_word_weights(layer)]
    if isinstance(layer, keras.layers.Normalization) and layer.built:
        pairs = (("used_mean", layer.mean), ("used_variance", layer.variance))
        # Flat, since Keras changes its rank when it is first used.
        return [
            (role, np.ravel(keras.ops.convert_to_numpy(value)).astype(np.float32), "float32")
            for role, value in pairs
            if value is not None
        ]
    return _carried(layer)


def _carried(layer: Any) -> State:
    """The state that a layer keeps between calls; empty if all of it is zero.

    No file contains it: a loaded model starts from zeros.
    """
    import keras

    states = layer.states if isinstance(layer, keras.layers.RNN) and layer.stateful else None
    values = [np.asarray(keras.ops.convert_to_numpy(s)) for s in states or ()]
    if not any(state.any() for state in values):
        return []
    return [(f"{CARRIED}{n}", state, str(state.dtype)) for n, state in enumerate(values)]


def _word_weights(layer: Any) -> State:
    lookup = getattr(layer, "_lookup_layer", layer)
    weights = getattr(lookup, "idf_weights_const", None)
    return [] if weights is None else [("idf_weights", np.asarray(weights, np.float32), "float32")]


def vocabulary_words(model: Any) -> tuple[str, ...]:
    """The first words of all vocabularies."""
    return first_words(
        values
        for place in walk(model)
        for role, values, dtype in derived_tensors(place.layer)
        if (role, dtype) == ("vocabulary", "string")
    )


def _read_layer(place: Place, paths: Paths) -> Layer:
    layer = place.layer
    custom = is_custom(layer)
    config, training = (None, {}) if place.covered else _read_config(layer, paths)
    if hasattr(layer, "trainable") and own_variables(layer) and not place.covered:
        training = {**training, "trainable": bool(layer.trainable)}
    own = custom and graph_of(layer) is None
    uses = calls(place, paths)
    if config is not None and trains(uses or ()):
        config = {**config, **training}
    return Layer(
        path=place.path,
        class_name=_class_name(layer),
        custom=custom,
        dtype=_policy(layer),
        config=config,
        training=training,
        calls=uses,
        tensors=tuple(_tensors(layer)),
        code=code_digest(layer) if own else "",
        attributes=attributes(layer, config) if own and not is_builtin(type(layer)) else {},
    )


def _policy(layer: Any) -> str:
    """The name of a layer's dtype policy; empty if the layer computes nothing.

    Inputs and graphs compute nothing: theirs is the policy of the process.
    """
    import keras

    policy = getattr(layer, "dtype_policy", None)
    if policy is None or isinstance(layer, keras.layers.InputLayer) or graph_of(layer) is not None:
        return ""
    if isinstance(policy, keras.dtype_policies.DTypePolicyMap):
        policy = policy[layer.path] if layer.path else policy.default_policy
    # When Keras writes a map without a default, it removes the names of the policies in it.
    return str(policy.name or _name_by_types(policy.compute_dtype, policy.variable_dtype))


def _name_by_types(compute: str, variable: str) -> str:
    return compute if compute == variable else f"mixed_{compute}"


def _class_name(layer: Any) -> str:
    import keras

    kind = type(layer)
    if not is_builtin(kind):
        return str(keras.saving.get_registered_name(kind))
    return kind.__name__ if isinstance(layer, keras.layers.Layer) else f"ops.{kind.__name__}"


def _read_config(layer: Any, paths: Paths) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    graph = graph_of(layer)
    if graph is not None:
        edges = {
            key: [edge(tensor, layer, paths) for tensor in getattr(graph, key)]
            for key in ("inputs", "outputs")
        }
        own = {} if is_builtin(type(layer)) else own_config(custom_config(layer))
        ports = {key: [list(astuple(e)) for e in value] for key, value in edges.items()}
        return {**own, **ports}, {}
    builtin = is_builtin(type(layer))
    config = dict(layer.get_config()) if builtin else custom_config(layer)
    if not config:
        return None, {}
    name = _class_name(layer) if builtin else ""
    if builtin and config.get("axis") is not None:
        config["axis"] = from_the_end(config["axis"], _rank_of_input(layer), name)
    decisive, training = split_config(config, name, not builtin)
    return {**decisive, **({"autocast": False} if _loses_autocast(layer) else {})}, training


def _loses_autocast(layer: Any) -> bool:
    """Whether a layer does not cast its inputs, though a layer of its configuration does.

    No configuration contains that. Some classes never cast, so then neither does the other layer.
    """
    if getattr(layer, "autocast", True) or not is_builtin(type(layer)):
        return False
    try:
        return bool(type(layer).from_config(layer.get_config()).autocast)
    except Exception:  # Keras cannot make a layer from its configuration if that contains code
        return False


def _rank_of_input(layer: Any) -> int | None:
    nodes = getattr(layer, "_inbound_nodes", None)
    shape = nodes[0].input_tensors[0].shape if nodes and nodes[0].input_tensors else None
    return None if shape is None else len(shape)


def _tensors(layer: Any) -> Iterator[Tensor]:
    yield from _stored(layer)
    yield from tensors_of(derived_tensors(layer), len(own_variables(layer)))


def _stored(layer: Any) -> Iterator[Tensor]:
    trainable = {id(v) for v in getattr(layer, "_trainable_variables", None) or []}
    for index, variable in enumerate(own_variables(layer)):
        yield Tensor(
            role=variable.name,
            index=index,
            shape=tuple(variable.shape),
            dtype=_dtype(layer, variable),
            trainable=id(variable) in trainable,
        )


def _dtype(layer: Any, variable: Any) -> str:
    import keras

    if variable.name == COUNTER[1] and isinstance(layer, getattr(keras.layers, COUNTER[0])):
        return "int64"
    return str(keras.backend.standardize_dtype(variable.dtype))
