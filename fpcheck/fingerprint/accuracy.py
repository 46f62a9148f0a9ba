"""The accuracy of a classifier on labelled examples, with the prediction for each example."""

import numpy as np

from fpcheck.codec import Array, Value
from fpcheck.fingerprint import digest

EXAMPLE_BYTES = 16


class Accuracy(Value, frozen=True, eq=False):
    """Predictions on labelled examples.

    Attributes:
        examples: uint8 (n, EXAMPLE_BYTES), the first bytes of BLAKE3 of each raw image.
        labels: int64 (n,), the right class of each example.
        predicted: int64 (n,), the class with the highest score; -1 if a score is NaN or infinite.
        confidence: float32 (n,), the highest score.
        margin: float32 (n,), the difference from the second highest score.
        top1: the share of examples whose class was predicted.
        top5: the share of examples whose class is among the five highest scores.
        classes: the names of the classes; empty if the data has none.
        preprocess: how the images were preprocessed.
    """

    examples: Array
    labels: Array
    predicted: Array
    confidence: Array
    margin: Array
    top1: float
    top5: float
    classes: tuple[str, ...]
    preprocess: str

    @property
    def count(self) -> int:
        """How many examples."""
        return len(self.labels)


def measure(
    images: Array, labels: Array, scores: Array, classes: tuple[str, ...], preprocess: str
) -> Accuracy:
    """The accuracy of predictions.

    Raw images (n, height, width, channels), labels int (n,), and scores float (n, classes), of
    which higher ones are likelier.
    """
    # A stable sort, so that ties do not depend on the sorting algorithm.
    order = np.argsort(-scores, axis=1, kind="stable")
    finite = np.asarray(np.isfinite(scores).all(axis=1))
    hits = (order == labels[:, None]) & finite[:, None]
    starts = [digest.of_array(image, str(image.dtype))[:EXAMPLE_BYTES] for image in images]
    predicted = np.where(finite, order[:, 0], -1).astype(np.int64)
    ranked = np.take_along_axis(scores, order[:, :2], axis=1).astype(np.float32)
    return Accuracy(
        examples=np.frombuffer(b"".join(starts), np.uint8).reshape(-1, EXAMPLE_BYTES),
        labels=labels.astype(np.int64),
        predicted=predicted,
        confidence=ranked[:, 0],
        margin=np.where(finite, ranked[:, 0] - ranked[:, -1], np.inf).astype(np.float32),
        top1=float(hits[:, :1].any(axis=1).mean()),
        top5=float(hits[:, :5].any(axis=1).mean()),
        classes=classes,
        preprocess=preprocess,
    )
