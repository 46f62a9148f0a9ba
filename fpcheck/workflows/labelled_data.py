"""Labelled examples, how well a model predicts them, and given probes: `.npz`, or images."""

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from msgspec.structs import replace

from fpcheck.codec import Array, Value
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import accuracy
from fpcheck.fingerprint.accuracy import Accuracy
from fpcheck.fingerprint.structure import Structure
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.questions import IMAGENET_CLASSES, Label

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


class Examples(Value, frozen=True, eq=False):
    """Labelled images: raw (n, height, width, channels), int64 (n,), names of classes if known."""

    images: Array
    labels: Array
    classes: tuple[str, ...]


def accuracy_on(
    path: Path, model: OpenedModel, structure: Structure, preprocess: str, allow_nan: bool = False
) -> Accuracy:
    """Predict labelled examples and say how well; NaN is refused unless it is to be judged."""
    examples = load_examples(path, structure)
    scores = model.running().predict(examples.images, preprocess)
    if scores.shape[1] == IMAGENET_CLASSES:
        examples = as_imagenet(examples, model.running().labels())
    if not np.isfinite(scores).all() and not allow_nan:
        raise FpcheckError(
            f"{path}: the model gives NaN or infinity on labelled examples",
            "Fix the model, or its preprocessing, before you approve it.",
        )
    if examples.labels.min() < 0 or examples.labels.max() >= scores.shape[1]:
        raise FpcheckError(
            f"{path}: labels go up to {examples.labels.max()}, the model has {scores.shape[1]} "
            "classes",
            "Number the classes from 0.",
        )
    return accuracy.measure(examples.images, examples.labels, scores, examples.classes, preprocess)


def load_examples(path: Path, structure: Structure) -> Examples:
    """`--data`: an `.npz` with `x`, `y` and perhaps `labels`, or one folder per class."""
    if path.is_dir():
        return _from_folders(path, structure)
    arrays = _npz(path, "--data")
    if not {"x", "y"} <= arrays.keys():
        raise FpcheckError(
            f"{path}: contains {sorted(arrays)}, not x and y",
            "Give an .npz with x (images) and y (class numbers), or a folder per class.",
        )
    images, labels = arrays["x"], arrays["y"].reshape(-1)
    if len(images) != len(labels) or not len(labels):
        raise FpcheckError(
            f"{path}: {len(images)} images, {len(labels)} labels", "Give one label for each image."
        )
    return Examples(images, labels.astype(np.int64), tuple(map(str, arrays.get("labels", ()))))


def as_imagenet(examples: Examples, labels: tuple[Label, ...]) -> Examples:
    """Examples for a model of ImageNet's classes: folders named by class are numbered as it does.

    Without the list of labels, or where the folders have other names, they stay as they are.
    """
    names = tuple(label.name for label in labels)
    numbers = {label.wordnet_id: place for place, label in enumerate(labels)}
    numbers |= {name: place for place, name in enumerate(names)}
    if labels and not examples.classes:
        return replace(examples, classes=names)
    if not labels or not all(name in numbers for name in examples.classes):
        return examples
    places = np.array([numbers[name] for name in examples.classes], np.int64)
    return replace(examples, labels=places[examples.labels], classes=names)


def probe_arrays(path: Path, structure: Structure) -> dict[str, Array]:
    """`--probes`: an `.npz` with one array per input, an `.npy`, or a folder of images."""
    if path.is_dir():
        files = _images_in(path)
        if not files:
            raise FpcheckError(
                f"{path}: contains no images", f"Allowed: {', '.join(IMAGE_SUFFIXES)}."
            )
        return {"image": _load_images(files, structure)}
    if path.suffix == ".npy":
        return {"probe": _numpy(path, "--probes")}
    return _npz(path, "--probes")


def _npz(path: Path, option: str) -> dict[str, Array]:
    loaded = _numpy(path, option)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        raise FpcheckError(f"{option} {path}: a single array", "Give an .npz file.")
    try:
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise FpcheckError(f"{option} {path}: {error}", "Store plain arrays only.") from error


def _numpy(path: Path, option: str) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        reason = getattr(error, "strerror", None) or "not a numpy file"
        raise FpcheckError(
            f"{option} {path}: {reason}", "Give an .npz file, or a folder of images."
        ) from error


def _from_folders(path: Path, structure: Structure) -> Examples:
    folders = sorted(p for p in path.iterdir() if p.is_dir())
    files = [(number, f) for number, folder in enumerate(folders) for f in _images_in(folder)]
    if not files:
        raise FpcheckError(
            f"{path}: no images in folders below it",
            "Give one folder per class, named like the class, with its images.",
        )
    images = _load_images([file for _, file in files], structure)
    labels = np.array([number for number, _ in files], np.int64)
    return Examples(images, labels, tuple(folder.name for folder in folders))


def _images_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)


def _load_images(files: list[Path], structure: Structure) -> Array:
    """Images as uint8 of the size that the model takes, or of the first image where it is free."""
    from PIL import Image, UnidentifiedImageError

    shape = (structure.inputs[0].shape or ()) if structure.inputs else ()
    if len(shape) != 4:
        raise FpcheckError("the model takes no images", "Give an .npz file instead.")
    mode = {1: "L", 3: "RGB", 4: "RGBA"}.get(shape[3] or 3, "RGB")
    size = (shape[2], shape[1]) if shape[1] and shape[2] else None
    loaded: list[Array] = []
    for file in files:
        try:
            with Image.open(file) as opened:
                image = opened.convert(mode)
        except (OSError, UnidentifiedImageError) as error:
            raise FpcheckError(
                f"{file}: not a readable image", "Remove it, or replace it."
            ) from error
        size = size or image.size
        resized = image if image.size == size else image.resize(size, Image.Resampling.BILINEAR)
        loaded.append(np.asarray(resized, np.uint8).reshape(size[1], size[0], -1))
    return np.stack(loaded)
