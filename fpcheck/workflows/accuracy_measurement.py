"""How well a model predicts labelled examples."""

from pathlib import Path

import numpy as np

from fpcheck.errors import FpcheckError
from fpcheck.fingerprint import accuracy
from fpcheck.fingerprint.accuracy import Accuracy
from fpcheck.fingerprint.structure import Structure
from fpcheck.model.opened_model import OpenedModel
from fpcheck.model.questions import IMAGENET_CLASSES
from fpcheck.workflows import labelled_data


def measured_accuracy(
    model: OpenedModel, structure: Structure, path: Path, preprocess: str, allow_nan: bool = False
) -> Accuracy:
    """Predict labelled examples and say how well; NaN is refused unless it is to be judged."""
    examples = labelled_data.load_examples(path, structure)
    scores = model.running().predict(examples.images, preprocess)
    if scores.shape[1] == IMAGENET_CLASSES:
        examples = labelled_data.as_imagenet(examples, model.running().labels())
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
