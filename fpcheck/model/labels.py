"""ImageNet's class names, through Keras's own download and cache."""

IMAGENET_CLASSES = 1000


def imagenet_labels() -> tuple[str, ...]:
    """One label for each of the 1,000 classes; empty where the list cannot be had."""
    import numpy as np
    from keras.applications.imagenet_utils import decode_predictions

    try:
        rows = decode_predictions(np.eye(IMAGENET_CLASSES), top=1)
    except Exception:  # a failed download is a bare Exception
        return ()
    return tuple(str(row[0][1]) for row in rows)
