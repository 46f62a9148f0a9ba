"""The classes of ImageNet, which Keras downloads and caches."""

from fpcheck.codec import Value

IMAGENET_CLASSES = 1000


class Label(Value, frozen=True):
    """One class: its WordNet id (`n02123045`), which names its folder, and its name (`tabby`)."""

    wordnet_id: str
    name: str


def imagenet_labels() -> tuple[Label, ...]:
    """The 1,000 classes in order; empty if Keras can neither find nor download the list."""
    import numpy as np
    from keras.applications.imagenet_utils import decode_predictions

    try:
        rows = decode_predictions(np.eye(IMAGENET_CLASSES), top=1)
    except Exception:  # Keras raises a bare Exception if a download fails
        return ()
    return tuple(Label(str(row[0][0]), str(row[0][1])) for row in rows)
