"""A model as its configuration describes it, without tensors."""

from dataclasses import dataclass, field

from fpcheck.fingerprint.structure import Call, Port
from fpcheck.keras_config.layer_config import Config


@dataclass
class LayerDraft:
    """One layer.

    Attributes:
        path: its path in the model.
        class_name: its class.
        custom: whether its class, or a function in its configuration, is not Keras's own code.
        dtype: the name of its dtype policy.
        config: the attributes that decide its outputs; None if the configuration of an enclosing
            layer includes them.
        training: the attributes that matter in training only.
        calls: its calls in the graph; None without a graph.
        raw: its configuration as in the file.
        roles: of its own tensors; None if unknown.
        group: the group of its tensors in weight files of Keras 3.
        trainable: whether it and all layers around it are trainable.
        graph: whether it is a model with a known graph.
    """

    path: str
    class_name: str
    custom: bool
    dtype: str
    config: Config | None
    training: Config
    calls: tuple[Call, ...] | None
    raw: Config
    roles: list[str] | None
    group: str
    trainable: bool
    graph: bool


@dataclass
class Draft:
    """A model; `config` is the configuration of a custom class without the graph."""

    class_name: str
    custom: bool
    config: Config | None = None
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    graph: bool = False
    entries: list[LayerDraft] = field(default_factory=list)
