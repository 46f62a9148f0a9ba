"""Editing a model's configuration: layers changed, added, removed, fed by others."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import keras

from benchmarks.detection.case import Candidate, NotPossibleError, given
from benchmarks.detection.subject import Subject, keep_functions, rebuilt, transfer

Config = dict[str, Any]


class Graph:
    """The configuration of a model, edited in place; layers are known by name.

    Args:
        model: whose configuration is copied.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.config: Config = json.loads(json.dumps(model.get_config()))

    @property
    def layers(self) -> list[Config]:
        """Those of the outermost model."""
        found: list[Config] = self.config["layers"]
        return found

    def layer(self, name: str) -> Config:
        return next(layer for layer in self.layers if layer["name"] == name)

    def every(self) -> Iterator[tuple[str, Config]]:
        """All layers, also of models inside, and their paths; what wrappers hold is theirs."""
        yield from _below(self.config, "")

    def feeds(self, name: str) -> list[list[Any]]:
        """What a layer is fed in its first call: `[layer, call, output]` each, to be edited."""
        return list(references(self.layer(name)["inbound_nodes"][:1]))

    def redirect(self, name: str, to: list[Any], but: str = "") -> None:
        """Feed all that a layer feeds, the model's outputs included, from elsewhere."""
        for layer in self.layers:
            if layer["name"] != but:
                for reference in references(layer.get("inbound_nodes", [])):
                    if reference[0] == name:
                        reference[:] = to
        for reference in references(self.config["output_layers"]):
            if reference[0] == name:
                reference[:] = to

    def insert_after(self, name: str, layer: keras.layers.Layer) -> None:
        """Put a layer behind another one."""
        self.redirect(name, [layer.name, 0, 0])
        tensor = {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": list(_output(self.model.get_layer(name)).shape),
                "dtype": "float32",
                "keras_history": [name, 0, 0],
            },
        }
        place = self.layers.index(self.layer(name))
        said = keras.saving.serialize_keras_object(layer)
        node = {"args": [tensor], "kwargs": {}}
        self.layers.insert(place + 1, {**said, "name": layer.name, "inbound_nodes": [node]})

    def remove(self, name: str) -> None:
        """Take a layer with one input out."""
        fed = self.feeds(name)
        if len(fed) != 1:
            raise NotPossibleError(f"{name} has several inputs")
        self.redirect(name, list(fed[0]))
        self.layers.remove(self.layer(name))

    def built(self, same_output: bool = False) -> keras.Model:
        """The edited model, with the weights of the original wherever they fit.

        Args:
            same_output: outputs must keep their shapes.

        Raises:
            NotPossibleError: Keras cannot build it.
        """
        try:
            model = rebuilt(self.model, self.config)
        except (ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
            logging.getLogger(__name__).debug("not built: %s", error)
            raise NotPossibleError(str(error)) from error
        if same_output and _shapes(model) != _shapes(self.model):
            raise NotPossibleError("other output shapes")
        transfer(self.model, model)
        keep_functions(self.model, model)
        return model


def _output(layer: Any) -> Any:
    found = layer._inbound_nodes[0].output_tensors
    return found[0]


def _shapes(model: keras.Model) -> list[tuple[int | None, ...]]:
    return [tuple(x.shape) for x in model.outputs]


def _below(config: Config, prefix: str) -> Iterator[tuple[str, Config]]:
    for layer in config["layers"]:
        path = prefix + layer.get("name", layer["config"]["name"])
        if "layers" in layer["config"]:
            yield from _below(layer["config"], f"{path}/")
        else:
            yield path, layer


def references(node: Any) -> Iterator[list[Any]]:
    """Every `[layer, call, output]` below, itself and not a copy."""
    if isinstance(node, list) and len(node) == 3 and isinstance(node[0], str):
        yield node
    elif isinstance(node, dict) and "keras_history" in node:
        yield node["keras_history"]
    elif isinstance(node, dict):
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def changed(
    subject: Subject, edit: Callable[[Graph], None], same_output: bool = False
) -> Candidate:
    """The good model after an edit of its configuration, with all weights that fit."""

    def make() -> keras.Model:
        graph = Graph(subject.model)
        edit(graph)
        return graph.built(same_output)

    return given(make)
