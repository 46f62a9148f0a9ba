"""Names of layers and weights that lead astray, or are no names."""

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from attacks.register import TOLERATED, changed
from attacks.valid import WEIGHTS, Change, Image, Place

NAMES: dict[str, Any] = {
    "numbers": np.arange(2),
    "matrix": np.array([[b"hidden/kernel"], [b"hidden/bias"]]),
    "scalar": "hidden/kernel",
    "not-utf8": np.array([b"\xff\xfe", b"hidden/bias"]),
    "twice": np.array([b"hidden/kernel", b"hidden/kernel"]),
    "missing": np.array([b"hidden/other", b"hidden/bias"]),
    "of-a-group": np.array([b"hidden", b"hidden/bias"]),
    "empty": np.array([b"", b"hidden/bias"]),
    "parent": np.array([b"../other/kernel", b"hidden/bias"]),
    "absolute": np.array([b"/other/kernel", b"hidden/bias"]),
    "no-shape": h5py.Empty("S8"),
}


def _weight_names(value: Any) -> Change:
    def change(at: Place) -> None:
        at.file["other/kernel"] = WEIGHTS["hidden"]["kernel"]
        at.file[at.home].attrs["weight_names"] = value

    return change


def _layer_names(value: Any) -> Change:
    def change(at: Place) -> None:
        at.file["model_weights"].attrs["layer_names"] = value

    return change


def _high_byte(word: bytes) -> Change:
    """Text of variable length that is not UTF-8: h5py gives it as half characters."""
    return lambda _: lambda image: image.replace(word, b"\xff" + word[1:])


def _layer_high_byte(at: Place) -> Callable[[Image], Image]:
    at.file["model_weights"].attrs["layer_names"] = ["in", "hidden", "later"]
    return lambda image: image.replace(b"later", b"\xffater")


def _names_lost(at: Place) -> None:
    del at.file["model_weights"].attrs["layer_names"]


def _weight_names_lost(at: Place) -> None:
    del at.file[at.home].attrs["weight_names"]


def _vars_name(value: Any) -> Change:
    def change(at: Place) -> None:
        at.file[at.kernel].parent.attrs["name"] = value

    return change


_LEGACY: dict[str, Change] = {
    **{f"weight-names-{name}": _weight_names(value) for name, value in NAMES.items()},
    "weight-names-lost": _weight_names_lost,
    "layer-names-lost": _names_lost,
    "layer-names-numbers": _layer_names(np.arange(3)),
    "layer-names-not-utf8": _layer_names(np.array([b"in", b"\xff", b"out"])),
    "layer-names-high-byte": _layer_high_byte,
    "layer-names-twice": _layer_names(np.array([b"in", b"hidden", b"hidden", b"out"])),
    "layer-names-missing": _layer_names(np.array([b"in", b"hidden", b"out", b"other"])),
    "layer-names-parent": _layer_names(np.array([b"in", b"../other", b"out"])),
    "config-attribute-of-numbers": lambda at: at.file.attrs.__setitem__(
        "model_config", np.arange(5)
    ),
    "layer-names-of-the-root": _layer_names(np.array([b"in", b"/", b"out"])),
}
# In a `.keras`, where the configuration names the layers, nobody reads the names of places.
_CURRENT: dict[str, Change] = {
    "vars-name-number": _vars_name(7),
    "vars-name-list": _vars_name(np.array([b"hidden", b"out"])),
    "vars-name-not-utf8": _vars_name(np.bytes_(b"\xff\xfe")),
    "vars-name-high-byte": _high_byte(b"hidden"),
    "vars-name-no-shape": _vars_name(h5py.Empty("S8")),
}
for _name, _change in _LEGACY.items():
    changed(_name, ".h5", _change)
changed("config-high-byte", ".h5", _high_byte(b"tiny"))
for _name, _change in _CURRENT.items():
    changed(_name, ".weights.h5", _change)
    changed(_name, ".keras", _change, kept=TOLERATED)
# Two places of one name are told apart by their order, as nameless ones are.
for _suffix in (".weights.h5", ".keras"):
    changed("vars-name-twice", _suffix, _vars_name("out"), kept=TOLERATED)
