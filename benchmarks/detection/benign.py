"""Changes that change nothing: other containers, names, training settings, arithmetic."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras

from benchmarks.detection.case import Case, Cases, NotPossibleError, add, fault, given
from benchmarks.detection.graph import Graph, changed, references
from benchmarks.detection.subject import Subject, keep_functions, rebuilt, transfer

GROUP = "benign"
MATCH = "match incomplete"
Write = Callable[[keras.Model, Path], None]


@fault("itself", GROUP, MATCH)
def itself(subject: Subject) -> Cases:
    """The very model, in memory."""
    yield Case("memory", given(lambda: subject.model), options={"full": True})


@contextmanager
def _file(subject: Subject, name: str, write: Write) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        try:
            write(subject.model, path)
        except (ValueError, NotImplementedError, TypeError) as error:
            raise NotPossibleError(str(error)) from error
        yield path


def _save(model: keras.Model, path: Path) -> None:
    model.save(path)


def _save_weights(model: keras.Model, path: Path) -> None:
    model.save_weights(path)


def _save_twice(model: keras.Model, path: Path) -> None:
    first = path.with_name("first.keras")
    model.save(first)
    keras.saving.load_model(first, compile=False).save(path)


def _save_frozen(model: keras.Model, path: Path) -> None:
    try:
        model.trainable = False
        model.save(path)
    finally:
        model.trainable = True


def _save_compiled(model: keras.Model, path: Path) -> None:
    copy = rebuilt(model)
    transfer(model, copy)
    copy.compile(optimizer="adam", loss="mse", metrics=["mae"])
    copy.optimizer.build(copy.trainable_variables)
    copy.save(path)


def _as_file(name: str, write: Write, environment: Mapping[str, str], subject: Subject) -> Cases:
    if not subject.spec.reloads:
        return
    # Outputs are run, not proved.
    options: dict[str, Any] = {"full": True, "custom_objects": subject.spec.custom_objects}
    if name.endswith(".weights.h5"):
        build = subject.spec.build
        options["model"] = f"{build.__module__}:{build.__name__}"
    candidate = partial(_file, subject, name, write)
    yield Case(name, candidate, options=options, environment=environment)


# File, what is written there, in what environment it is read.
FILES: dict[str, tuple[str, str, Write, Mapping[str, str]]] = {
    "as-keras": ("A .keras file, in another process", "same.keras", _save, {}),
    "as-h5": ("A legacy .h5 file", "same.h5", _save, {}),
    "as-weights": ("A .weights.h5 file and the architecture", "same.weights.h5", _save_weights, {}),
    "saved-twice": ("Saved, loaded, saved", "again.keras", _save_twice, {}),
    "as-keras-frozen": ("Saved while frozen", "frozen.keras", _save_frozen, {}),
    "as-h5-frozen": (
        "Saved while frozen, where files hold trainable weights first",
        "frozen.h5",
        _save_frozen,
        {},
    ),
    "compiled": ("With an optimizer and its state", "compiled.keras", _save_compiled, {}),
    "one-thread": (
        "Run on one thread",
        "same.keras",
        _save,
        {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"},
    ),
    "without-onednn": ("Run without oneDNN", "same.keras", _save, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
}
for _name, (_says, _path, _write, _environment) in FILES.items():
    add(_name, GROUP, MATCH, _says, partial(_as_file, _path, _write, _environment))


def _rename_layers(graph: Graph) -> None:
    names = {layer["name"]: f"renamed_{n}" for n, layer in enumerate(graph.layers)}
    places = [graph.config["input_layers"], graph.config["output_layers"]]
    for place in [*places, *(layer["inbound_nodes"] for layer in graph.layers)]:
        for reference in references(place):
            reference[0] = names[reference[0]]
    for layer in graph.layers:
        layer["name"] = layer["config"]["name"] = names[layer["name"]]


def _renamed(subject: Subject) -> Cases:
    """All layers renamed; tensors are copied in their order, since names no longer tell."""

    def make() -> keras.Model:
        graph = Graph(subject.model)
        _rename_layers(graph)
        model = rebuilt(subject.model, graph.config)
        model.set_weights(subject.model.get_weights())
        transfer(model, model)  # derives what follows from weights
        for layer, good in zip(model.layers, subject.model.layers, strict=True):
            if hasattr(good, "activation"):
                layer.activation = good.activation
        return model

    yield Case("all layers", given(make))


add("layers-renamed", GROUP, MATCH, "Every layer renamed", _renamed)


def _edited(edit: Callable[[Graph], None], subject: Subject) -> Cases:
    yield Case("all", changed(subject, edit))


def _rename_model(graph: Graph) -> None:
    graph.config["name"] = "another_name"


def _reorder(graph: Graph) -> None:
    graph.layers.reverse()


def _freeze(graph: Graph) -> None:
    for _, layer in graph.every():
        if "trainable" in layer["config"]:  # operations in the graph are no layers
            layer["config"]["trainable"] = False


def _retrain(graph: Graph) -> None:
    """Everything that matters in training only."""
    regularizer = keras.saving.serialize_keras_object(keras.regularizers.L2(0.01))
    initializer = keras.saving.serialize_keras_object(keras.initializers.HeNormal())
    other = {"kernel_initializer": initializer, "kernel_regularizer": regularizer}
    other |= {"momentum": 0.5, "rate": 0.7, "dropout": 0.1}
    for _, layer in graph.every():
        config = layer["config"]
        config.update({key: value for key, value in other.items() if key in config})


EDITS: dict[str, tuple[str, Callable[[Graph], None]]] = {
    "model-renamed": ("The model renamed", _rename_model),
    "layers-reordered": ("The layers created in the opposite order", _reorder),
    "frozen": ("Every layer frozen", _freeze),
    "training-settings": ("Other initializers, regularizers, momentum and dropout", _retrain),
}
for _name, (_says, _edit) in EDITS.items():
    add(_name, GROUP, MATCH, _says, partial(_edited, _edit))


@fault("adapters", GROUP, MATCH)
def adapters(subject: Subject) -> Cases:
    """Low-rank adapters that add nothing yet."""

    def make() -> keras.Model:
        model = rebuilt(subject.model)
        transfer(subject.model, model)
        keep_functions(subject.model, model)
        layers = [la for la in model.layers if isinstance(la, keras.layers.Dense)]
        if not layers:
            raise NotPossibleError("no layer that takes adapters")
        layers[0].enable_lora(2)
        return model

    yield Case("first Dense", given(make))
