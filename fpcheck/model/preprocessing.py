"""Preprocessing of raw images: a mode of Keras, or a function of the user."""

from collections.abc import Callable

import numpy as np

from fpcheck.codec import Array
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.probes import Probes
from fpcheck.model.user_code import check_code
from fpcheck.model.user_modules import import_module

MODES = ("none", "caffe", "tf", "torch")
Step = Callable[[Array], Array]


def step(name: str) -> Step:
    """The function behind a `--preprocess` value; it takes uint8 or float pixels, 0..255.

    Raises:
        FpcheckError: no such mode or function.
    """
    if name == "none":
        return lambda pixels: pixels
    if name in MODES:
        return _keras_mode(name)
    return imported(name, "--preprocess")


def _keras_mode(name: str) -> Step:
    from keras.applications.imagenet_utils import preprocess_input

    def prepare(pixels: Array) -> Array:
        prepared: Array = np.asarray(preprocess_input(pixels.astype(np.float32), mode=name))
        return prepared

    return prepare


def imported(name: str, option: str) -> Callable[..., Array]:
    """A function named `package.module:function`."""
    module, _, attribute = name.partition(":")
    if not attribute:
        raise FpcheckError(
            f"{option} {name}: no such mode",
            f"Allowed: {', '.join(MODES)}, auto, or package.module:function.",
        )
    try:
        found = getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:  # a user's module may raise any class
        check_code(f"{option} {name}: importing {module} raised", error, str)
        raise FpcheckError(
            f"{option} {name}: {error}", "Name an importable function as package.module:function."
        ) from error
    chosen: Callable[..., Array] = found
    return chosen


def prepare(probes: Probes, arrays: list[Array], name: str) -> list[Array]:
    """The inputs as the model takes them.

    Args:
        probes: the recipe of each input.
        arrays: one for each input, images in 0..255.
        name: `none`, a mode, or a function. With `none`, images are divided by 255 if the model
            does not rescale them itself, since such models are trained on small values.

    Raises:
        FpcheckError: `name` is not `none`, and the model takes no image.
    """
    if name != "none" and not probes.images:
        raise FpcheckError(
            f"--preprocess {name}: the model takes no image input", "Use --preprocess none."
        )
    prepared = list(arrays)
    for place in probes.images:
        prepared[place] = _scaled(probes, place, name)(arrays[place])
    return prepared


def _scaled(probes: Probes, place: int, name: str) -> Step:
    """The preprocessing of one input; for `none`, the scale that the model is trained on."""
    if name == "none" and probes.inputs[place].limit == 1 and not probes.arrays:
        return lambda pixels: pixels.astype(np.float32) / 255
    return lambda pixels: applied(name, pixels)


def right_step(probes: Probes, name: str) -> Step:
    """What `prepare` does to the first image input."""
    return _scaled(probes, probes.images[0], name)


def applied(name: str, images: Array) -> Array:
    """Raw images after preprocessing.

    Raises:
        FpcheckError: preprocessing raises.
    """
    chosen = step(name)
    try:
        return np.asarray(chosen(images))
    except Exception as error:  # a user's function, or a mode that needs three channels
        said, given = f"--preprocess {name}", f"images of shape {images.shape}"
        takes = "an array of raw images, 0..255, and return the model's input."
        correct = f"Correct the code there: it must take {takes}"
        check_code(f"{said}: for {given} it raised", error, str, correct)
        raise FpcheckError(
            f"{said}: {type(error).__name__}: {error} ({given})", f"The function must take {takes}"
        ) from error


def mistakes(name: str, channels: int, right: Step) -> dict[str, Step]:
    """Common mistakes in place of the preprocessing `name`, and what each does.

    Args:
        name: the right preprocessing.
        channels: of the image; mistakes with colours need three.
        right: the right preprocessing as a function, with its scaling.
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
