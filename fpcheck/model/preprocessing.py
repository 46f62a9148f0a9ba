"""Preprocessing of raw images: a mode of Keras, or a function of the user."""

from collections.abc import Callable

import numpy as np

from fpcheck.codec import Array
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.probes import Probes
from fpcheck.model.user_code import explained, import_module

MODES = ("none", "caffe", "tf", "torch")
_NAMED = "Name an importable function as package.module:function."
Step = Callable[[Array], Array]


def step(name: str) -> Step:
    """What `--preprocess` does to uint8 or float pixels, 0..255; FpcheckError if it is unknown."""
    if name == "none":
        return lambda pixels: pixels
    if name in MODES:
        from keras.applications.imagenet_utils import preprocess_input

        return lambda pixels: np.asarray(preprocess_input(pixels.astype(np.float32), mode=name))
    said, (module, _, attribute) = f"--preprocess {name}", name.partition(":")
    if not attribute:
        allowed = f"Allowed: {', '.join(MODES)}, auto, or package.module:function."
        raise FpcheckError(f"{said}: no such mode", allowed)
    with explained(
        f"{said}: importing {module} raised", lambda e: FpcheckError(f"{said}: {e}", _NAMED), str
    ):
        found: Step = getattr(import_module(module), attribute)
    return found


def prepare(probes: Probes, arrays: list[Array], name: str) -> list[Array]:
    """The inputs as the model takes them, from raw ones: images in 0..255.

    With `none`, images are divided by 255 if the model does not rescale them itself, since such
    models are trained on small values. Else it is an FpcheckError if the model takes no image.
    """
    if name != "none" and not probes.images:
        fact = f"--preprocess {name}: the model takes no image input"
        raise FpcheckError(fact, "Use --preprocess none.")
    prepared = list(arrays)
    for place in probes.images:
        prepared[place] = right_step(probes, place, name)(arrays[place])
    return prepared


def right_step(probes: Probes, place: int, name: str) -> Step:
    """The preprocessing of one input; for `none`, the scale that the model is trained on."""
    if name == "none" and probes.inputs[place].limit == 1 and not probes.arrays:
        return lambda pixels: pixels.astype(np.float32) / 255
    return lambda pixels: applied(name, pixels)


def applied(name: str, images: Array) -> Array:
    """Raw images after preprocessing; FpcheckError if it raises."""
    chosen, said, given = step(name), f"--preprocess {name}", f"images of shape {images.shape}"
    takes = "must take an array of raw images, 0..255, and return the model's input."
    with explained(  # a mode of Keras raises too: it needs three channels
        f"{said}: for {given} it raised",
        lambda e: FpcheckError(
            f"{said}: {type(e).__name__}: {e} ({given})", f"The function {takes}"
        ),
        str,
        f"Correct the code there: it {takes}",
    ):
        return np.asarray(chosen(images))


def mistakes(name: str, channels: int, right: Step) -> dict[str, Step]:
    """Common mistakes in place of the right preprocessing, and what each does.

    Mistakes with colours need three channels. `right` scales as `prepare` does.
    """
    found: dict[str, Step] = {"none": lambda pixels: pixels.astype(np.float32)}
    found["unit"] = lambda pixels: pixels.astype(np.float32) / 255
    for mode in MODES[1:] if channels == 3 else ("tf",):
        found[mode] = step(mode)
    if channels == 3:
        found["channels-reversed"] = lambda pixels: right(pixels[..., ::-1])
        found["channels-reversed-after"] = lambda pixels: right(pixels)[..., ::-1]
    found["twice"] = lambda pixels: right(right(pixels))
    found.pop(name, None)
    return found
