"""The structure and the tensors of a live Keras model."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec.structs import astuple

from fpcheck.codec import Array
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import structure
from fpcheck.fingerprint.attribute_rules import from_the_end
from fpcheck.fingerprint.canonical import own_config, split_config
from fpcheck.fingerprint.derived import State, tensors_of
from fpcheck.fingerprint.probe_values import first_words
from fpcheck.fingerprint.structure import ROOT, Layer, Structure, Tensor, trains
from fpcheck.model import live_graph
from fpcheck.model.custom_layers import attributes, code_digest, custom_config, saved_assets
from fpcheck.model.layer_watch import to_numpy
from fpcheck.model.live_graph import Place, graph_of, is_builtin, is_custom, own_variables, walk
from fpcheck.model.user_code import attempt


def read_structure(model: Any) -> Structure:
    """The structure of a Keras model; FpcheckError if it is not built."""
    places = walk(model)
    weightless = not any(own_variables(place.layer) for place in places)
    if not model.built or (weightless and not all(getattr(p.layer, "built", True) for p in places)):
        fact = f"model '{model.name}' is not built: its layers have no weights yet"
        raise FpcheckError(fact, "Give it an Input, or call it once on data of the right shape.")
    paths = {id(place.layer): place.path for place in places}
    assets = saved_assets(model)
    # Of the model itself, beside its layers.
    tensors = _tensors(model, assets or [])
    config = None if is_builtin(type(model)) else own_config(custom_config(model)) or None
    root = [Layer(ROOT, "", True, "", config, {}, None, tensors)] if tensors or config else []
    not_stored = [structure.OUTPUT_SHAPES] if live_graph.is_bare_chain(model) else []
    return Structure(
        class_name=_class_name(model),
        # A `call` in the instance was set by a user, so it is custom code.
        custom=not is_builtin(type(model)) or "call" in vars(model),
        inputs=live_graph.input_ports(model, paths),
        outputs=live_graph.output_ports(model, paths),
        layers=(*root, *(_read_layer(p, paths) for p in places if p.layer is not model)),
        not_stored=(*not_stored, *([structure.ASSETS] if assets is None else [])),
    )


def read_tensors(model: Any) -> Iterator[tuple[Array, str]]:
    """Values and dtype of every tensor, in the order of `Structure.tensors`."""
    yield from _values(model, saved_assets(model) or [])
    for place in walk(model):
        if place.layer is not model:
            yield from _values(place.layer, derived_tensors(place.layer))


def _values(layer: Any, derived: State) -> Iterator[tuple[Array, str]]:
    for variable in own_variables(layer):
        values, dtype = to_numpy(live_graph.effective(layer, variable)), _dtype(layer, variable)
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
        weights = getattr(getattr(layer, "_lookup_layer", layer), "idf_weights_const", None)
        idf = (
            [] if weights is None else [("idf_weights", np.asarray(weights, np.float32), "float32")]
        )
        return [("vocabulary", np.asarray(words, kind), dtype), *idf]
    if isinstance(layer, keras.layers.Normalization) and layer.built:
        pairs = (("used_mean", layer.mean), ("used_variance", layer.variance))
        # Flat, since Keras changes its rank when it is first used.
        given = [(role, np.ravel(to_numpy(value))) for role, value in pairs if value is not None]
        return [(role, values.astype(np.float32), "float32") for role, values in given]
    # What a layer keeps between calls. No file contains it: a loaded model starts from zeros.
    states = layer.states if isinstance(layer, keras.layers.RNN) and layer.stateful else None
    carried = [(f"{structure.CARRIED}{n}", to_numpy(s)) for n, s in enumerate(states or ())]
    zero = not any(values.any() for _, values in carried)
    return [] if zero else [(role, values, str(values.dtype)) for role, values in carried]


def vocabulary_words(model: Any) -> tuple[str, ...]:
    """The first words of all vocabularies."""
    return first_words(
        values
        for place in walk(model)
        for role, values, dtype in derived_tensors(place.layer)
        if (role, dtype) == ("vocabulary", "string")
    )


def _read_layer(place: Place, paths: live_graph.Paths) -> Layer:
    layer = place.layer
    custom = is_custom(layer)
    config, training = (None, {}) if place.covered else _read_config(layer, paths)
    if hasattr(layer, "trainable") and own_variables(layer) and not place.covered:
        training = {**training, "trainable": bool(layer.trainable)}
    own = custom and graph_of(layer) is None
    uses = live_graph.calls(place, paths)
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
        tensors=_tensors(layer, derived_tensors(layer)),
        code=code_digest(layer) if own else "",
        attributes=attributes(layer, config) if own and not is_builtin(type(layer)) else {},
    )


def _policy(layer: Any) -> str:
    """The name of a layer's dtype policy; of inputs and graphs, which compute nothing, empty."""
    import keras

    policy = getattr(layer, "dtype_policy", None)
    if policy is None or isinstance(layer, keras.layers.InputLayer) or graph_of(layer) is not None:
        return ""
    if isinstance(policy, keras.dtype_policies.DTypePolicyMap):
        policy = policy[layer.path] if layer.path else policy.default_policy
    if policy.name:
        return str(policy.name)
    # When Keras writes a map without a default, it removes the names of the policies in it.
    compute = str(policy.compute_dtype)
    return compute if compute == policy.variable_dtype else f"mixed_{compute}"


def _class_name(layer: Any) -> str:
    import keras

    kind = type(layer)
    if not is_builtin(kind):
        return str(keras.saving.get_registered_name(kind))
    return kind.__name__ if isinstance(layer, keras.layers.Layer) else f"ops.{kind.__name__}"


def _read_config(
    layer: Any, paths: live_graph.Paths
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    graph, builtin = graph_of(layer), is_builtin(type(layer))
    if graph is not None:
        own = {} if builtin else own_config(custom_config(layer))
        for key in ("inputs", "outputs"):
            edges = (live_graph.edge(tensor, layer, paths) for tensor in getattr(graph, key))
            own[key] = [list(astuple(edge)) for edge in edges]
        return own, {}
    config = dict(layer.get_config()) if builtin else custom_config(layer)
    if not config:
        return None, {}
    name = _class_name(layer) if builtin else ""
    if builtin and config.get("axis") is not None:
        nodes = getattr(layer, "_inbound_nodes", None)
        shape = nodes[0].input_tensors[0].shape if nodes and nodes[0].input_tensors else None
        rank = None if shape is None else len(shape)
        config["axis"] = from_the_end(config["axis"], rank, name)
    decisive, training = split_config(config, name, not builtin)
    return {**decisive, **({"autocast": False} if _loses_autocast(layer) else {})}, training


def _loses_autocast(layer: Any) -> bool:
    """Whether a layer does not cast its inputs, though a layer of its configuration does."""
    # No configuration contains that. Some classes never cast, so then neither does the other layer.
    if getattr(layer, "autocast", True) or not is_builtin(type(layer)):
        return False
    # Keras cannot make a layer from its configuration if that contains code.
    return attempt(lambda: bool(type(layer).from_config(layer.get_config()).autocast), False)


def _tensors(layer: Any, derived: State) -> tuple[Tensor, ...]:
    trainable = {id(v) for v in getattr(layer, "_trainable_variables", None) or []}
    own = own_variables(layer)
    stored = (
        Tensor(v.name, index, tuple(v.shape), _dtype(layer, v), trainable=id(v) in trainable)
        for index, v in enumerate(own)
    )
    return (*stored, *tensors_of(derived, len(own)))


def _dtype(layer: Any, variable: Any) -> str:
    import keras

    kind, role = structure.COUNTER
    if variable.name == role and isinstance(layer, getattr(keras.layers, kind)):
        return "int64"
    return str(keras.backend.standardize_dtype(variable.dtype))
