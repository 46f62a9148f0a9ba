"""From raw pixels to what a model wants: Keras's own modes, or a function of the user's."""

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
    except (Exception, SystemExit) as error:  # whatever a user's module may raise
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
        name: `none`, a mode, or a function. With `none`, images for models that do not rescale
            them inside are divided by 255, since such models are trained on small values.

    Raises:
        FpcheckError: preprocessing is asked for, and the model takes no image.
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
    """Preprocessing, and without any the scale that models without rescaling are trained on."""
    if name == "none" and probes.inputs[place].limit == 1 and not probes.arrays:
        return lambda pixels: pixels.astype(np.float32) / 255
    return lambda pixels: applied(name, pixels)


def right_step(probes: Probes, name: str) -> Step:
    """What `prepare` does with the first image input."""
    return _scaled(probes, probes.images[0], name)


def applied(name: str, images: Array) -> Array:
    """Raw images after preprocessing; FpcheckError where it raises."""
    chosen = step(name)
    try:
        return np.asarray(chosen(images))
    except Exception as error:  # whatever a user's function, or a mode for other channels, raises
        check_code(
            f"--preprocess {name}: of images {images.shape} it raised", error, str,
            "Correct the code there: it takes an array of raw images, 0..255, and gives the "
            "model's input.",
        )  # fmt: skip
        raise FpcheckError(
            f"--preprocess {name}: {type(error).__name__}: {error} (images {images.shape})",
            "Allowed: what takes an array of raw images, 0..255, and gives the model's input.",
        ) from error


def mistakes(name: str, channels: int, right: Step) -> dict[str, Step]:
    """What usually goes wrong with preprocessing `name`: each mistake and what it does instead.

    Args:
        name: the right preprocessing.
        channels: of the image; colour mistakes need three.
        right: what it does, scaling included.
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
