"""The graph of a Keras 2 model, with the TensorFlow functions in it, as Keras 3 writes it."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fpcheck.fingerprint.canonical import Config

# TensorFlow functions in a graph, and the equal operations of Keras 3 (in keras.src.ops).
_FUNCTIONS = """
    math.abs=numpy.Absolute math.exp=numpy.Exp math.log=numpy.Log math.negative=numpy.Negative
    math.sqrt=numpy.Sqrt math.rsqrt=math.Rsqrt math.square=numpy.Square math.tanh=numpy.Tanh
    math.sigmoid=nn.Sigmoid math.softplus=nn.Softplus nn.softmax=nn.Softmax nn.relu=nn.Relu
    nn.relu6=nn.Relu6 nn.leaky_relu=nn.LeakyRelu nn.elu=nn.Elu nn.selu=nn.Selu nn.silu=nn.Silu
    __operators__.add=numpy.Add math.add=numpy.Add math.subtract=numpy.Subtract
    math.multiply=numpy.Multiply math.truediv=numpy.TrueDivide math.divide=numpy.TrueDivide
    math.pow=numpy.Power math.maximum=numpy.Maximum math.minimum=numpy.Minimum
    math.reduce_max=numpy.Max math.reduce_mean=numpy.Mean math.reduce_min=numpy.Min
    math.reduce_sum=numpy.Sum linalg.matmul=numpy.Matmul clip_by_value=numpy.Clip
    __operators__.getitem=numpy.GetItem cast=core.Cast concat=numpy.Concatenate
    stack=numpy.Stack tile=numpy.Tile reshape=numpy.Reshape expand_dims=numpy.ExpandDims
    compat.v1.squeeze=numpy.Squeeze compat.v1.transpose=numpy.Transpose
"""
_OPERATIONS = {function.split("=")[0]: function.split("=")[1] for function in _FUNCTIONS.split()}
# Further arguments: those of the call, and those that the operation of Keras 3 has as settings.
_SECOND = ("y", "b", "slice_spec")
_SETTINGS = {
    **{name: name for name in ("axis", "keepdims", "dtype")},
    **{"perm": "axes", "shape": "newshape", "multiples": "repeats", "alpha": "negative_slope"},
    **{"clip_value_min": "x_min", "clip_value_max": "x_max"},
}


def plain_name(name: Any) -> Any:
    """A layer's name without slashes, which Keras 3 does not allow."""
    return name and name.replace("/", "_")


class Graph:
    """The connections of a functional model, each written as [layer, call, output].

    Keras 2 appends further arguments of the call, and counts the calls of most nested models from
    1. Keras 3 does so only for the outputs of the model that come from functional models.

    Attributes:
        functional: the names of the functional models in the graph.
        first: the number of the first call of each layer.
    """

    def __init__(self, config: Config):
        layers = {layer["name"]: layer for layer in config["layers"]}
        self._names = {"_CONSTANT_VALUE", *layers}
        self.functional = {n for n, layer in layers.items() if "output_layers" in layer["config"]}
        self.first: dict[str, int] = {}
        nodes = [layer["inbound_nodes"] for layer in layers.values()]
        for name, call, *_ in self._links([nodes, config["input_layers"], config["output_layers"]]):
            self.first[name] = min(call, self.first.get(name, call))

    def _is_link(self, value: Any) -> bool:
        shaped = isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str)
        return shaped and value[0] in self._names

    def _links(self, value: Any) -> Iterator[list[Any]]:
        if self._is_link(value):
            yield value
            value = value[3:]
        if isinstance(value, (dict, list)):
            for item in value.values() if isinstance(value, dict) else value:
                yield from self._links(item)

    def named(self, links: Any) -> list[str]:
        """The names of the layers in links, sorted."""
        return sorted({link[0] for link in self._links(links)} - {"_CONSTANT_VALUE"})

    def _rewrite(self, value: Any, write: Callable[[str, int, Any], Any]) -> Any:
        if self._is_link(value):
            return write(*value[:3])
        if isinstance(value, dict):
            return {key: self._rewrite(item, write) for key, item in value.items()}
        return [self._rewrite(v, write) for v in value] if isinstance(value, list) else value

    def ends(self, links: Any) -> Any:
        """The inputs or outputs of the model."""
        return self._rewrite(links, self._end)

    def _end(self, name: str, call: int, output: Any) -> object:
        return [plain_name(name), call - self.first[name] + (name in self.functional), output]

    def _tensor(self, name: str, call: int, output: Any) -> object:
        if name == "_CONSTANT_VALUE":
            return _constant(output)
        history = [plain_name(name), call - self.first[name], output]
        tensor = {"shape": [], "dtype": "float32", "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": tensor}

    def call(self, node: Any, states: bool = False) -> Config:
        """A call of a layer; `states` if all tensors except the first are the initial state."""
        link = next(self._links(node), None)
        if link is None:
            raise ValueError(f"a layer is called on {node!r}, which the model has not")
        first = self._rewrite(node, self._tensor)
        kwargs = self._rewrite(link[3] if len(link) == 4 else {}, self._tensor)
        if isinstance(first, list) and (states or len(first) == 1):
            kwargs |= {"initial_state": first[1:]} if first[1:] else {}
            first = first[0]
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        return {"args": [first], "kwargs": kwargs}


def _constant(value: object) -> object:
    if not isinstance(value, list):
        return value
    dtype = {"i": "int32", "f": "float32"}[np.asarray(value).dtype.kind]
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": dtype}}


def operation(entry: Config, graph: Graph) -> Config:
    """A call of a TensorFlow function, as an operation of Keras 3."""
    name, symbol, nodes = entry["name"], entry["config"]["function"], entry["inbound_nodes"]
    if symbol not in _OPERATIONS or len(nodes) != 1:
        raise ValueError(f"layer {name} calls tf.{symbol}, for which no operation is known")
    module, kind = _OPERATIONS[symbol].split(".")
    call, config = graph.call(nodes[0]), {"name": plain_name(name)}
    args, kwargs = call["args"], call["kwargs"]
    if symbol in ("concat", "stack") and not isinstance(args[0], list):
        args = [args]
    for key, value in kwargs.items():
        if key in _SETTINGS and "__keras_tensor__" not in repr(value):
            config[_SETTINGS[key]] = value
        elif key == "slice_spec":
            args.append(value if isinstance(value, list) else [value])
        elif key in _SECOND:
            args.append(_constant(value))
        elif key != "name" and value is not False:
            raise ValueError(f"layer {name} calls tf.{symbol} with {key}={value!r}")
    return {
        **{"class_name": kind, "config": config, "name": config["name"]},
        **{"module": f"keras.src.ops.{module}", "registered_name": None},
        "inbound_nodes": [{"args": args, "kwargs": {}}],
    }
