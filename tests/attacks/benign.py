"""Sound files in each container and spelling that a reader meets: all are accepted."""

from collections.abc import Callable

import numpy as np

from attacks.register import BENIGN, TOLERATED, changed, from_bytes
from attacks.valid import (
    CONTAINERS,
    WEIGHTS,
    Json,
    Place,
    archive,
    dense,
    layer,
    legacy,
    legacy_h5,
    members,
    model,
    tensor,
    text,
    tiny,
)


def _compressed(at: Place) -> None:
    """As h5repack writes it."""
    made = at.dataset(chunks=(2, 3), shuffle=True, compression="gzip", fletcher32=True)
    made[...] = WEIGHTS["hidden"]["kernel"]


def _compressed_by_h5py(at: Place) -> None:
    """By the filter that h5py brings, which needs no plug-in."""
    made = at.dataset(chunks=(2, 3), compression="lzf", fletcher32=True)
    made[...] = WEIGHTS["hidden"]["kernel"]


def _behind(user_block: bytes, suffix: str) -> Callable[[], bytes]:
    """With bytes of somebody's own at its beginning, as HDF5 allows."""
    return lambda: user_block + CONTAINERS[suffix]()


def _big_endian(at: Place) -> None:
    at.dataset(dtype=">f4")[...] = WEIGHTS["hidden"]["kernel"]


def _names_as_text(at: Place) -> None:
    """As Keras 3 writes them: text of variable length."""
    if at.legacy:
        at.file["model_weights"].attrs["layer_names"] = ["in", "hidden", "out"]
        at.file[at.home].attrs["weight_names"] = ["hidden/kernel", "hidden/bias"]


def _names_in_parts(at: Place) -> None:
    """As Keras writes lists that no single attribute can hold."""
    held = at.file["model_weights"].attrs
    del held["layer_names"]
    held["layer_names0"] = np.array([b"in", b"hidden"])
    held["layer_names1"] = np.array([b"out"])


def _latest(at: Place) -> None:
    """Nothing is changed but the version of HDF5."""


def diamonds() -> Json:
    """Sixty sums of a thing with itself: 2 to the 60 paths, and 60 layers."""
    sums, last = [], "hidden"
    for number in range(60):
        twice = [tensor(last, 3), tensor(last, 3)]
        last = f"sum_{number}"
        sums.append(layer("Add", last, [twice]))
    return model(dense("hidden", 3, tensor("in", 4)), *sums, dense("out", 2, tensor(last, 3)))


def keras_2() -> Json:
    """The tiny model as Keras 2 spelled it."""
    told = legacy(tiny())
    for held in told["config"]["layers"]:
        settings = held["config"]
        if "batch_shape" in settings:
            settings["batch_input_shape"] = settings.pop("batch_shape")
        settings["dtype"] = "float32"
        for key in ("kernel_initializer", "bias_initializer"):
            if key in settings:
                settings[key] = {k: settings[key][k] for k in ("class_name", "config")}
        sources = [node["args"][0]["config"]["keras_history"] for node in held["inbound_nodes"]]
        held["inbound_nodes"] = [[[*source, {}]] for source in sources]
    return told


def _words_beside() -> bytes:
    """As Keras 3 keeps a vocabulary: not in the configuration, but in a member of its own."""
    words = layer("StringLookup", "words", [tensor("hidden", 3)], vocabulary=None)
    told = model(dense("hidden", 3, tensor("in", 4)), words, dense("out", 2, tensor("words", 3)))
    listed = "assets/layers/string_lookup/vocabulary.txt"
    return archive({**members(text(told)), listed: "red\ngrün\n".encode()})


def _adapted() -> bytes:
    """With low-rank adapters apart from the kernel, as legacy files keep them; they add nothing."""

    def keep_apart(at: Place) -> None:
        held = at.file[at.home]
        held["hidden/lora_kernel_a"] = np.ones((4, 2), "f4")
        held["hidden/lora_kernel_b"] = np.zeros((2, 3), "f4")
        roles = ("bias", "lora_kernel_a", "lora_kernel_b", "kernel")
        held.attrs["weight_names"] = np.array([f"hidden/{role}".encode() for role in roles])

    told = legacy(tiny())
    told["config"]["layers"][1]["config"] |= {"lora_rank": 2, "lora_alpha": 2}
    return legacy_h5(keep_apart, config=text(told))


for _suffix, _build in CONTAINERS.items():
    from_bytes("tiny", _suffix, _build, BENIGN)
    changed("tiny-compressed", _suffix, _compressed, kept=BENIGN)
    changed("tiny-lzf", _suffix, _compressed_by_h5py, kept=BENIGN)
    changed("tiny-latest-hdf5", _suffix, _latest, "latest", BENIGN)
    changed("tiny-big-endian", _suffix, _big_endian, kept=TOLERATED)
for _suffix in (".h5", ".weights.h5"):
    from_bytes("tiny-user-block", _suffix, _behind(bytes(512), _suffix), BENIGN)
    from_bytes("tiny-long-user-block", _suffix, _behind(b"mine".ljust(8192), _suffix), BENIGN)
changed("tiny-names-as-text", ".h5", _names_as_text, kept=BENIGN)
changed("tiny-names-in-parts", ".h5", _names_in_parts, kept=BENIGN)
from_bytes("tiny-weights-only", ".h5", lambda: legacy_h5(root=""), BENIGN)
from_bytes("tiny-adapted", ".h5", _adapted, BENIGN)
from_bytes("tiny-keras-2", ".h5", lambda: legacy_h5(config=text(keras_2())), BENIGN)
from_bytes("tiny-deflated", ".keras", lambda: archive(members(), method=8), BENIGN)
from_bytes("diamonds", ".keras", lambda: archive(members(text(diamonds()))), BENIGN)
from_bytes("words-beside", ".keras", _words_beside, BENIGN)
