"""The smallest valid file of each container, made without Keras; an attack changes one thing."""

import io
import json
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import h5py
import numpy as np

Json = Any
Image = bytes
Writer = Callable[[Path], None]
Libver = str | tuple[str, str]
OLD, DENSE = "earliest", ("v108", "latest")  # small objects; many links and large attributes


class Attack(NamedTuple):
    """One file: what its name ends in, and the function that writes it."""

    suffix: str
    write: Writer


@dataclass(frozen=True)
class Place:
    """An open HDF5 file: the group of its first layer, that layer's kernel, the file's folder."""

    file: h5py.File
    home: str
    kernel: str
    folder: Path

    @property
    def legacy(self) -> bool:
        """Whether `weight_names` says what is a weight, rather than the place in the tree."""
        return "weight_names" in self.file[self.home].attrs

    def put(self, thing: Any) -> None:
        """Lay a link, an object or an array where the kernel was."""
        del self.file[self.kernel]
        self.file[self.kernel] = thing

    def dataset(self, shape: tuple[int, ...] = (4, 3), dtype: Any = "f4", **how: Any) -> Any:
        """Make another dataset where the kernel was."""
        del self.file[self.kernel]
        return self.file.create_dataset(self.kernel, shape=shape, dtype=dtype, **how)

    def neighbour(self) -> str:
        """Path of another file, with weights that nobody asked for."""
        return str(neighbour(self.folder))


# Changes an open file, and may hand back what to do with the bytes once it is closed.
Change = Callable[[Place], Callable[[Image], Image] | None]
SECRET = np.full((4, 3), 1234.5, "f4")
WEIGHTS = {
    "hidden": {"kernel": np.arange(12, dtype="f4").reshape(4, 3), "bias": np.ones(3, "f4")},
    "out": {"kernel": np.arange(6, dtype="f4").reshape(3, 2) / 8, "bias": np.ones(2, "f4") / 4},
}


def neighbour(folder: Path) -> Path:
    """Write a sound weights file beside the attack, as the thing that must not be read."""
    path = folder.resolve() / "neighbour.weights.h5"
    if not path.exists():
        with h5py.File(path, "w") as file:
            file["kernel"] = SECRET
    return path


def marker(path: Path) -> Path:
    """The file that a payload would leave if anything ran it."""
    return path.parent.resolve() / f"{path.name}.EXECUTED"


class _Payload:
    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.target, "w")


def pickled(path: Path, protocol: int = 2) -> bytes:
    """A pickle that leaves the marker when it is loaded."""
    return pickle.dumps(_Payload(marker(path)), protocol)


def named(kind: str, config: Json, module: str = "keras.layers", **more: Json) -> Json:
    """An object as Keras 3 writes it."""
    head = {"module": module, "class_name": kind, "config": config, "registered_name": None}
    return head | more


def tensor(name: str, width: int, node: float = 0) -> Json:
    """A reference to what a layer gives."""
    history = {"shape": [None, width], "dtype": "float32", "keras_history": [name, node, 0]}
    return {"class_name": "__keras_tensor__", "config": history}


def layer(
    kind: str, name: str, sources: list[Json], module: str = "keras.layers", **settings: Json
) -> Json:
    """A layer of a functional graph, called once."""
    policy = named("DTypePolicy", {"name": "float32"}, "keras")
    config = {"name": name, "trainable": True, "dtype": policy, **settings}
    nodes = [{"args": sources, "kwargs": {}}]
    return named(kind, config, module, name=name, inbound_nodes=nodes)


def dense(name: str, units: int, source: Json) -> Json:
    """A Dense layer with all that Keras writes of it."""
    absent = ("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint")
    nothing: Json = dict.fromkeys(absent)
    return layer(
        "Dense",
        name,
        [source],
        units=units,
        activation="linear",
        use_bias=True,
        kernel_initializer=named("GlorotUniform", {"seed": None}, "keras.initializers"),
        bias_initializer=named("Zeros", {}, "keras.initializers"),
        **nothing,
    )


def model(*layers: Json, last: str = "out") -> Json:
    """A functional model: an input of width 4, then the layers."""
    start = {"batch_shape": [None, 4], "dtype": "float32", "sparse": False, "name": "in"}
    config = {
        "name": "tiny",
        "trainable": True,
        "layers": [named("InputLayer", start, name="in", inbound_nodes=[]), *layers],
        "input_layers": [["in", 0, 0]],
        "output_layers": [[last, 0, 0]],
    }
    home = "keras.src.models.functional"
    return named("Functional", config, home, registered_name="Functional", compile_config={})


def tiny() -> Json:
    """The configuration of the tiny model: in, hidden, out."""
    return model(dense("hidden", 3, tensor("in", 4)), dense("out", 2, tensor("hidden", 3)))


def legacy(config: Json) -> Json:
    """The configuration as it stands in an `.h5`: without modules."""
    kept = {key: config[key] for key in ("class_name", "name", "inbound_nodes") if key in config}
    inner = dict(config["config"])
    if "layers" in inner:
        inner["layers"] = [legacy(held) for held in inner["layers"]]
    return {**kept, "config": inner}


def text(config: Json) -> str:
    """A configuration as JSON."""
    return json.dumps(config)


def _image(fill: Callable[[h5py.File], Place], change: Change | None, libver: Libver) -> Image:
    with tempfile.NamedTemporaryFile(suffix=".h5") as made:
        with h5py.File(made.name, "w", libver=libver) as file:
            place = fill(file)
            after = change(place) if change else None
        image = Path(made.name).read_bytes()
    return after(image) if after else image


def weights_h5(
    change: Change | None = None,
    folder: Path = Path(),
    libver: Libver = OLD,
    hidden: str = "hidden",
) -> Image:
    """A `.weights.h5` of Keras 3: places by class, names as attributes."""

    def fill(file: h5py.File) -> Place:
        file.create_group("vars").attrs["name"] = "tiny"
        file.create_group("layers/input_layer/vars").attrs["name"] = "in"
        for group, name, key in (("dense", hidden, "hidden"), ("dense_1", "out", "out")):
            held = file.create_group(f"layers/{group}/vars")
            held.attrs["name"] = name
            for number, value in enumerate(WEIGHTS[key].values()):
                held[str(number)] = value
        return Place(file, "layers/dense", "layers/dense/vars/0", folder)

    return _image(fill, change, libver)


def legacy_h5(
    change: Change | None = None,
    folder: Path = Path(),
    libver: Libver = OLD,
    hidden: str = "hidden",
    config: str | bytes | None = None,
    root: str = "model_weights",
) -> Image:
    """A whole-model `.h5`; with `root=""`, one of weights only."""

    def fill(file: h5py.File) -> Place:
        if root:
            told = text(legacy(tiny())) if config is None else config
            file.attrs["model_config"] = told if isinstance(told, str) else np.bytes_(told)
        top = file.require_group(root or "/")
        for group in (file, top):
            group.attrs["backend"], group.attrs["keras_version"] = "tensorflow", "3.15.1"
        top.attrs["layer_names"] = np.array([b"in", hidden.encode(), b"out"])
        top.create_group("in").attrs["weight_names"] = np.array([], "S1")
        for name, key in ((hidden, "hidden"), ("out", "out")):
            held = top.create_group(name)
            held.attrs["weight_names"] = np.array(
                [f"{name}/{role}".encode() for role in WEIGHTS[key]]
            )
            for role, value in WEIGHTS[key].items():
                held[f"{name}/{role}"] = value
        home = f"{root}/{hidden}".lstrip("/")
        return Place(file, home, f"{home}/{hidden}/kernel", folder)

    return _image(fill, change, libver)


def members(config: str | bytes | None = None, weights: Image | None = None) -> dict[str, bytes]:
    """What lies in a `.keras` archive, by name."""
    told = text(tiny()) if config is None else config
    return {
        "metadata.json": b'{"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}',
        "config.json": told.encode() if isinstance(told, str) else told,
        "model.weights.h5": weights_h5() if weights is None else weights,
    }


def archive(held: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of these members, with no date."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as opened:
        for name, data in held.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            opened.writestr(entry, data)
    return packed.getvalue()


def keras(change: Change | None = None, folder: Path = Path(), libver: Libver = OLD) -> bytes:
    """A `.keras` archive whose weights were changed."""
    return archive(members(weights=weights_h5(change, folder, libver)))


CONTAINERS: dict[str, Callable[..., bytes]] = {
    ".h5": legacy_h5,
    ".weights.h5": weights_h5,
    ".keras": keras,
}


def write(path: Path, data: bytes, page: int = 4096) -> None:
    """Write a file; pages of zeros become holes."""
    with path.open("wb") as file:
        for start in range(0, len(data), page):
            piece = data[start : start + page]
            if piece.strip(b"\0"):
                file.seek(start)
                file.write(piece)
        file.truncate(len(data))


def flipped(data: bytes, number: int) -> bytes:
    """The data with one bit turned; where, depends on the number. Odd ones leave zeros alone."""
    random = Random(number)
    places = [place for place, byte in enumerate(data) if byte] if number % 2 else range(len(data))
    bad = bytearray(data)
    bad[random.choice(places)] ^= 1 << random.randrange(8)
    return bytes(bad)
