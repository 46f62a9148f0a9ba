"""Labelled examples and given probes, from files and folders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.structure import Edge, Port, Structure
from fpcheck.model.live_model import LiveKerasModel
from fpcheck.model.questions import IMAGENET_CLASSES, Label
from fpcheck.workflows import labelled_data


def taking(*shape: int | None) -> Structure:
    return Structure(
        "Functional", (Port("image", (None, *shape), "float32", Edge("image")),), (), ()
    )


def pictures(folder: Path, *names: str, size: tuple[int, int] = (6, 4)) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (number * 40, 10, 200)).save(path)


def test_a_folder_per_class_is_read_in_order_of_names_and_resized(tmp_path: Path) -> None:
    pictures(tmp_path, "dog/b.png", "cat/a.png", "cat/c.jpg")
    examples = labelled_data.load_examples(tmp_path, taking(8, 8, 3))
    assert examples.classes == ("cat", "dog")
    assert examples.labels.tolist() == [0, 0, 1]
    assert examples.images.shape == (3, 8, 8, 3)
    assert examples.images.dtype == np.uint8
    assert examples.images[2, 0, 0].tolist() == [0, 10, 200]


def test_grey_models_get_grey_images_and_free_ones_the_size_of_the_first(tmp_path: Path) -> None:
    pictures(tmp_path, "x/1.png", "x/2.png")
    assert labelled_data.load_examples(tmp_path, taking(None, None, 1)).images.shape == (2, 4, 6, 1)


ERRORS = [
    ({"x": np.zeros((2, 3))}, "contains ['x'], not x and y"),
    ({"x": np.zeros((2, 3)), "y": np.zeros(3)}, "2 images, 3 labels"),
]


@pytest.mark.parametrize(("arrays", "fact"), ERRORS, ids=["no labels", "too many labels"])
def test_data_of_another_form_is_refused(
    arrays: dict[str, np.ndarray], fact: str, tmp_path: Path
) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(FpcheckError) as caught:
        labelled_data.load_examples(path, taking(3))
    assert caught.value.fact == f"{path}: {fact}"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not numpy"])
def test_files_that_are_no_arrays_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(FpcheckError):
        labelled_data.load_examples(path, taking(3))


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FpcheckError) as caught:
        labelled_data.load_examples(tmp_path, taking(8, 8, 3))
    assert caught.value.fact == f"{tmp_path}: no images in folders below it"


def test_imagenet_classes_are_named_as_keras_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras.src.applications import imagenet_utils

    index = {str(n): [f"n{n:08d}", f"name {n}"] for n in range(IMAGENET_CLASSES)}
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX", index)
    labels = LiveKerasModel(None, "memory").labels()
    assert len(labels) == IMAGENET_CLASSES
    assert labels[281] == Label("n00000281", "name 281")


def test_folders_named_by_imagenet_class_are_numbered_as_the_model_does() -> None:
    labels = tuple(Label(f"n{n:08d}", f"name {n}") for n in range(IMAGENET_CLASSES))
    images = np.zeros((2, 4, 4, 3), np.uint8)
    examples = labelled_data.Examples(images, np.array([0, 1]), ("n00000281", "name 7"))
    known = labelled_data.as_imagenet(examples, labels)
    assert known.labels.tolist() == [281, 7]
    assert known.classes[281] == "name 281"
    other = labelled_data.Examples(images, np.array([0, 1]), ("cats", "dogs"))
    assert labelled_data.as_imagenet(other, labels) is other
    assert labelled_data.as_imagenet(examples, ()) is examples
