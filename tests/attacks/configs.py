"""Configurations that are no JSON, no model, too large, too deep, or that hold code."""

import base64
import json
import marshal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from attacks.register import ATTACKS, BENIGN, TOLERATED, from_bytes, listed
from attacks.valid import (
    Attack,
    Json,
    Place,
    archive,
    dense,
    layer,
    legacy,
    legacy_h5,
    marker,
    members,
    model,
    named,
    neighbour,
    pickled,
    tensor,
    text,
    tiny,
    weights_h5,
    write,
)

Told = str | bytes


def _both(name: str, make: Callable[[str], Told], kept: dict[str, Attack] = ATTACKS) -> None:
    """List a change of the text, as a `.keras` and as an `.h5`."""
    from_bytes(name, ".keras", lambda: archive(members(make(text(tiny())))), kept)
    from_bytes(name, ".h5", lambda: legacy_h5(config=make(text(legacy(tiny())))), kept)


# --- not JSON, or more than JSON ---

TEXTS: dict[str, Callable[[str], Told]] = {
    "empty": lambda _: "",
    "not-json": lambda _: "units = 3",
    "cut-short": lambda told: told[: len(told) // 2],
    "two-documents": lambda told: told * 2,
    "not-utf8": lambda told: told.encode().replace(b"tiny", b"t\xff\xfey"),
    "utf-16": lambda told: told.encode("utf-16-be"),
    "byte-order-mark": lambda told: "\ufeff" + told,
    "deep-lists": lambda _: "[" * 100_000,
    "deep-lists-closed": lambda _: "[" * 100_000 + "]" * 100_000,
    "deep-objects": lambda _: '{"config": ' * 100_000,
    "duplicate-key": lambda told: told.replace('"units": 3', '"units": 3, "units": 4'),
    "duplicate-key-escaped": lambda told: told.replace(
        '"units": 3', '"units": 3, "unit\\u0073": 4'
    ),
    "list": lambda told: f"[{told}]",
    "null": lambda _: "null",
    "text": lambda told: json.dumps(told),
    "number": lambda _: "3",
}
for _name, _make in TEXTS.items():
    _both(f"config-{_name}", _make)


def _seed(token: str) -> Callable[[str], str]:
    return lambda told: told.replace('"seed": null', f'"seed": {token}')


# Not JSON, but what Python reads and writes as JSON: a float as good as another.
NUMBERS = {"overflow": "1e999", "nan": "NaN", "infinity": "-Infinity"}
for _name, _token in NUMBERS.items():
    _both(f"number-{_name}", _seed(_token), TOLERATED)
_both("number-5000-digits", _seed("9" * 5000))


def _large() -> bytes:
    """A sound configuration with 70 MB beside it, which deflate cannot pack a hundredfold."""
    numbers = " ".join(f"{number:0100d}" for number in range(70_000))
    return archive(members(text({**tiny(), "noise": numbers * 10})), method=8)


from_bytes("config-70-megabytes", ".keras", _large)


# --- not a model ---


def _edit(change: Callable[[Json, Json], Json]) -> Callable[[str], str]:
    """Change the parsed configuration, given the model's part of it and its layer `hidden`."""

    def make(told: str) -> str:
        whole = json.loads(told)
        change(whole["config"], whole["config"]["layers"][1])
        return text(whole)

    return make


def _feed(source: Json) -> Callable[[Json, Json], Json]:
    return lambda _, hidden: hidden.update(inbound_nodes=[{"args": [source], "kwargs": {}}])


def _set(**settings: Json) -> Callable[[Json, Json], Json]:
    return lambda _, hidden: hidden["config"].update(settings)


def _start(**settings: Json) -> Callable[[Json, Json], Json]:
    return lambda whole, _: whole["layers"][0]["config"].update(settings)


EDITS: dict[str, Callable[[Json, Json], Json]] = {
    "no-layers": lambda whole, _: whole.pop("layers"),
    "layers-number": lambda whole, _: whole.update(layers=7),
    "layers-of-numbers": lambda whole, _: whole.update(layers=[1, 2, 3]),
    "layer-without-class": lambda _, hidden: hidden.pop("class_name"),
    "layer-without-config": lambda _, hidden: hidden.pop("config"),
    "layer-class-number": lambda _, hidden: hidden.update(class_name=7),
    "layer-config-list": lambda _, hidden: hidden.update(config=[]),
    "layer-twice": lambda whole, hidden: whole["layers"].append(hidden),
    "units-2-to-the-80": _set(units=2**80),
    "circle": _feed(tensor("out", 2)),
    "fed-by-itself": _feed(tensor("hidden", 3)),
    "fed-by-nothing": _feed(tensor("missing", 4)),
    "fed-by-node-1000000000": _feed(tensor("in", 4, node=10**9)),
    "fed-by-node-minus-1": _feed(tensor("in", 4, node=-1)),
    "fed-by-node-infinity": _feed(tensor("in", 4, node=float("inf"))),
    "fed-by-text": _feed({"class_name": "__keras_tensor__", "config": {"keras_history": "in"}}),
    "nodes-number": lambda _, hidden: hidden.update(inbound_nodes=7),
    "input-missing": lambda whole, _: whole.update(input_layers=[["missing", 0, 0]]),
    "output-missing": lambda whole, _: whole.update(output_layers=[["missing", 0, 0]]),
    "outputs-number": lambda whole, _: whole.update(output_layers=7),
}
for _name, _change in EDITS.items():
    _both(f"model-{_name}", _edit(_change))
# Values that no layer can be built with: who builds none only compares them.
VALUES: dict[str, Callable[[Json, Json], Json]] = {
    "name-number": lambda _, hidden: hidden["config"].update(name=7),
    "units-7-gigabytes": _set(units=600_000_000),
    "units-negative": _set(units=-3),
    "units-text": _set(units="3"),
    "shape-huge": _start(batch_shape=[None, 10**18]),
    "shape-negative": _start(batch_shape=[None, -4]),
    "shape-text": _start(batch_shape="none"),
    "shape-rank-10000": _start(batch_shape=[None] * 10_000),
}
for _name, _change in VALUES.items():
    _both(f"model-{_name}", _edit(_change), TOLERATED)


def _nested(shell: Json, core: Json, times: int = 300) -> Callable[[str], str]:
    """A layer in a layer in a layer; the shell says `@` where the next one goes."""
    before, after = text(shell).split('"@"')
    deep = before * times + text(core) + after * times
    return lambda told: told.replace('"layers": [', f'"layers": [{deep}, ', 1)


_INNER = named("Functional", {**model()["config"], "layers": ["@"]}, "keras", name="inner")
_WRAPPER = named("TimeDistributed", {"name": "each", "layer": "@"})
_both("model-nested-300-deep", _nested(_INNER, dense("core", 3, tensor("in", 4))))
_both("wrapper-nested-300-deep", _nested(_WRAPPER, dense("core", 3, tensor("in", 4))))


# --- layers whose state stands in the configuration ---


def _state(kind: str, **settings: Json) -> Json:
    return model(
        layer(kind, "hidden", [tensor("in", 4)], **settings), dense("out", 2, tensor("hidden", 4))
    )


def _both_ways(times: int) -> Json:
    """Bidirectional layers in each other: each holds the next one twice."""
    inner = dense("core", 3, tensor("in", 4))
    for _ in range(times):
        inner = named("Bidirectional", {"name": "both", "trainable": True, "layer": inner})
    nodes = [{"args": [tensor("in", 4)], "kwargs": {}}]
    return model({**inner, "name": "out", "inbound_nodes": nodes})


STATES: dict[str, Json] = {
    "vocabulary-number": _state("StringLookup", vocabulary=7),
    "vocabulary-object": _state("StringLookup", vocabulary={"class_name": "__tuple__"}),
    "vocabulary-of-infinity": _state("IntegerLookup", vocabulary=[float("inf")], oov_token=-1),
    "vocabulary-of-texts": _state("IntegerLookup", vocabulary=["three"], oov_token=-1),
    "vocabulary-oov-text": _state("StringLookup", vocabulary=["a"], num_oov_indices="few"),
    "vocabulary-oov-10-to-the-12": _state("StringLookup", vocabulary=["a"], num_oov_indices=10**12),
    "mean-text": _state("Normalization", mean="none", variance=1.0),
    "mean-object": _state("Normalization", mean={}, variance=1.0),
    "mean-ragged": _state("Normalization", mean=[[1.0], [2.0, 3.0]], variance=1.0),
    "wrapper-doubled-40-times": _both_ways(40),
}


def _archived(told: Json) -> bytes:
    return archive(members(text(told)))


def _legacy(told: Json) -> bytes:
    return legacy_h5(config=text(legacy(told)))


for _name, _told in STATES.items():
    from_bytes(_name, ".keras", partial(_archived, _told))
    from_bytes(_name, ".h5", partial(_legacy, _told))

KEPT_BY_KERAS_2: dict[str, Json] = {
    "tuple-without-items": {"class_name": "__tuple__"},
    "policy-without-name": {"class_name": "Policy", "config": {}},
    "policy-of-a-list": {"class_name": "Policy", "config": ["float32"]},
    "array-without-value": {"type": "ndarray"},
}


def _keras_2(value: Json) -> Callable[[], bytes]:
    """The tiny model of Keras 2, with a value that it wraps."""

    def put(at: Place) -> None:
        at.file.attrs["keras_version"] = at.file["model_weights"].attrs["keras_version"] = "2.15.0"

    told = _edit(_set(kernel_initializer=value))
    return lambda: legacy_h5(put, config=told(text(legacy(tiny()))))


for _name, _value in KEPT_BY_KERAS_2.items():
    from_bytes(f"keras-2-{_name}", ".h5", _keras_2(_value))


# --- names: what the configuration says, and what HDF5 can hold of it ---


def _called(name: str, stored: str, kept: dict[str, Attack], label: str) -> None:
    def told(config: Json) -> str:
        return text(config).replace('"hidden"', json.dumps(name))

    def zipped() -> bytes:
        return archive(members(told(tiny()), weights_h5(hidden=stored)))

    from_bytes(f"name-{label}", ".keras", zipped, kept)

    def single() -> bytes:
        return legacy_h5(config=told(legacy(tiny())), hidden=stored)

    from_bytes(f"name-{label}", ".h5", single, kept)


_called("\ud800", "hidden", ATTACKS, "lone-surrogate")
_called("hidden\0more", "hidden", ATTACKS, "nul")
_called("", "hidden", ATTACKS, "empty")
_called("Schicht ü 層 🙂", "Schicht ü 層 🙂", BENIGN, "unicode")
for _label, _text in {
    "escapes": "\x1b]0;title\x07\x1b[31mred\x9b2J",
    "newline": "hidden\n✓ match\r\n::error::all is well",
    "right-to-left": "\u202egnp.h5",
    "zero-width": "hid\u200bden",
    "markup": "[bold red]<script>alert(1)",
    "10000-characters": "h" * 10_000,
    "slash": "block/hidden",
    "two-dots": "..",
}.items():
    _called(_text, _text, TOLERATED, _label)


# --- code, and other files ---


def _lambda(path: Path) -> str:
    """The code of a function that leaves the marker, as Keras stores it."""
    source = f"lambda x: open({str(marker(path))!r}, 'w') and x"
    code = next(c for c in compile(source, "x", "eval").co_consts if hasattr(c, "co_code"))
    return base64.encodebytes(marshal.dumps(code)).decode()


def _function(path: Path) -> Json:
    stored = {"code": _lambda(path), "defaults": None, "closure": None}
    return {"class_name": "__lambda__", "config": stored}


def _lambda_layer(path: Path) -> Json:
    return layer("Lambda", "evil", [tensor("hidden", 3)], function=_function(path), arguments={})


def _old_lambda_layer(path: Path) -> Json:
    function = {"function": [_lambda(path), None, None], "function_type": "lambda"}
    return layer("Lambda", "evil", [tensor("hidden", 3)], module="__main__", **function)


def _wrapped(inner: Json) -> Json:
    return layer("TimeDistributed", "evil", [tensor("hidden", 3)], layer=inner)


def _called_at_load(kind: str, module: str, **arguments: str) -> Json:
    made = layer(kind, "evil", [tensor("hidden", 3)], module=module)
    return {**made, "config": arguments, "registered_name": kind}


def _activation(function: Json) -> Json:
    return layer("Activation", "evil", [tensor("hidden", 3)], activation=function)


def _module_beside(path: Path) -> Json:
    """A custom layer whose module lies beside the model, and runs when imported."""
    code = f"open({str(marker(path))!r}, 'w')\n"
    (path.parent / "beside_the_model.py").write_text(code)
    made = layer("Evil", "evil", [tensor("hidden", 3)], module="beside_the_model")
    return {**made, "registered_name": "beside_the_model>Evil"}


def _array(path: Path) -> Json:
    told = {"value": [pickled(path, 0).decode()], "dtype": "object"}
    scale = {"class_name": "__numpy__", "config": told}
    return layer("Rescaling", "evil", [tensor("hidden", 3)], scale=scale, offset=0.0)


def _from_pickle(path: Path) -> Json:
    return _called_at_load("loads", "pickle", data=pickled(path, 0).decode())


def _vocabulary(path: Path) -> Json:
    words = str(neighbour(path.parent))
    return layer("StringLookup", "evil", [tensor("hidden", 3)], vocabulary=words)


CODE: dict[str, Callable[[Path], Json]] = {
    "lambda": _lambda_layer,
    "lambda-of-keras-2": _old_lambda_layer,
    "lambda-in-a-wrapper": lambda path: _wrapped(_lambda_layer(path)),
    "lambda-as-activation": lambda path: _activation(_function(path)),
    "class-os-system": lambda path: _called_at_load(
        "system", "os", command=f"touch {marker(path)}"
    ),
    "class-open": lambda path: _called_at_load(
        "open", "builtins", file=str(marker(path)), mode="w"
    ),
    "class-pickle-loads": _from_pickle,
    "class-get-file": lambda path: _called_at_load(
        "get_file",
        "keras.utils",
        fname=str(marker(path)),
        origin=neighbour(path.parent).as_uri(),
    ),
    "function-os-system": lambda path: _activation(
        {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
    ),
    "array-of-objects": _array,
    "module-beside-the-model": _module_beside,
    "vocabulary-file": _vocabulary,
}


def _running(made: Json) -> Json:
    return model(dense("hidden", 3, tensor("in", 4)), made, dense("out", 2, tensor("evil", 3)))


def _list_code(name: str, make: Callable[[Path], Json]) -> None:
    """Who runs nothing may read such a file; but nothing may be run."""

    def zipped(path: Path) -> None:
        write(path, archive(members(text(_running(make(path))))))

    def single(path: Path) -> None:
        write(path, legacy_h5(config=text(legacy(_running(make(path))))))

    listed(name, ".keras", zipped, TOLERATED)
    listed(name, ".h5", single, TOLERATED)


for _name, _layer in CODE.items():
    _list_code(_name, _layer)


def _compiled(told: str) -> str:
    loss = {"module": "os", "class_name": "function", "config": "system", "registered_name": None}
    return text({**json.loads(told), "compile_config": {"optimizer": "adam", "loss": loss}})


_both("code-in-compile-config", _compiled, TOLERATED)
