"""Accuracy, example by example."""

import numpy as np
import pytest

from fpcheck.fingerprint import accuracy, digest

IMAGES = np.arange(4 * 2 * 2, dtype=np.uint8).reshape(4, 2, 2, 1)
SCORES = np.array(
    [
        [0.1, 0.7, 0.0, 0.0, 0.0, 0.0, 0.2],
        [0.5, 0.0, 0.0, 0.1, 0.1, 0.1, 0.2],
        [0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1],
        [0.6, 0.1, 0.1, 0.1, 0.06, 0.04, 0.0],
    ],
    np.float32,
)


def test_it_judges_each_example() -> None:
    found = accuracy.measure(IMAGES, np.array([1, 6, 0, 5]), SCORES, ("a", "b"), "tf")
    assert found.predicted.tolist() == [1, 0, 0, 0]
    assert found.labels.tolist() == [1, 6, 0, 5]
    np.testing.assert_allclose(found.confidence, [0.7, 0.5, 0.2, 0.6])
    np.testing.assert_allclose(found.margin, [0.5, 0.3, 0.0, 0.5], atol=1e-7)
    assert (found.top1, found.top5, found.count) == (0.5, 0.75, 4)
    assert (found.classes, found.preprocess) == (("a", "b"), "tf")
    types = [found.labels.dtype, found.predicted.dtype, found.confidence.dtype, found.margin.dtype]
    assert types == [np.int64, np.int64, np.float32, np.float32]


def test_ties_go_to_the_lower_class() -> None:
    found = accuracy.measure(IMAGES[:1], np.array([1]), np.full((1, 40), 0.5), (), "none")
    assert (found.predicted.tolist(), found.top1, found.top5) == ([0], 0.0, 1.0)
    many = (np.arange(4000).reshape(1, -1) % 7 == 3).astype(float)
    assert accuracy.measure(IMAGES[:1], np.array([3]), many, (), "none").predicted.tolist() == [3]


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_few_classes_are_enough(classes: int) -> None:
    scores = np.linspace(1, 0, 4 * classes).reshape(4, classes)
    found = accuracy.measure(IMAGES, np.zeros(4, int), scores, (), "none")
    assert (found.top1, found.top5) == (1.0, 1.0)
    assert (found.margin > 0).all() == (classes > 1)


def test_each_example_is_known_by_its_raw_bytes() -> None:
    found = accuracy.measure(IMAGES, np.zeros(4, int), SCORES, (), "none")
    assert found.examples.shape == (4, accuracy.EXAMPLE_BYTES)
    starts = [digest.of_array(image, "uint8")[: accuracy.EXAMPLE_BYTES] for image in IMAGES]
    assert [row.tobytes() for row in found.examples] == starts
    assert len(set(starts)) == 4
