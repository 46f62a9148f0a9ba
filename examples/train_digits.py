"""Train the small digits classifier that fpcheck ships as its demonstration model.

The demo needs a real, accurate network that is tiny, trains offline in seconds and can be
rebuilt by anyone: scikit-learn's bundled 8x8 digits are the only data used.  The network is
deliberately shaped like a production one (convolution + batch normalisation pairs, residual
blocks, a strided projection shortcut, dropout), so that every kind of conversion fault the demo
plants, such as swapped layers or forgotten preprocessing, has somewhere to live.

The model expects pixels preprocessed as ``x / 127.5 - 1``; that step is kept outside the model on
purpose, because forgetting it is one of the faults to be found.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 7
TEST_FRACTION = 0.3
EPOCHS = 40
BATCH_SIZE = 64
PEAK_LEARNING_RATE = 4e-3
MIN_ACCURACY = 0.97
LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DEFAULT_OUTPUT = Path(__file__).resolve().parent.parent / "fpcheck" / "demo"

Images = NDArray[np.uint8]
Classes = NDArray[np.int64]
Floats = NDArray[np.float32]


def load_split() -> tuple[Images, Classes, Images, Classes]:
    """Return train and test images as 0..255 bytes, the form a camera or a file would give."""
    pixels, classes = load_digits(return_X_y=True)
    images = np.rint(pixels * (255.0 / 16.0)).astype(np.uint8).reshape(-1, 8, 8, 1)
    x_train, x_test, y_train, y_test = train_test_split(
        images,
        classes.astype(np.int64),
        test_size=TEST_FRACTION,
        stratify=classes,
        random_state=SEED,
    )
    return x_train, y_train, x_test, y_test


def preprocess(images: Images) -> Floats:
    """Map 0..255 pixels to the -1..1 range that the model is trained on."""
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def conv_bn(x: Any, filters: int, prefix: str, index: str, **conv: Any) -> Any:
    """Apply a convolution without bias, then the batch normalisation that stands in for it."""
    x = keras.layers.Conv2D(
        filters, padding="same", use_bias=False, name=f"{prefix}conv{index}", **conv
    )(x)
    # Momentum 0.9, not the default 0.99: so short a training must still converge the statistics.
    return keras.layers.BatchNormalization(momentum=0.9, name=f"{prefix}bn{index}")(x)


def residual_block(x: Any, filters: int, name: str, *, strides: int = 1) -> Any:
    """Add two 3x3 convolutions to the input, projected by a 1x1 where its shape changes."""
    shortcut = x
    if strides != 1 or x.shape[-1] != filters:
        shortcut = conv_bn(x, filters, f"{name}_", "_proj", kernel_size=1, strides=strides)
    y = conv_bn(x, filters, f"{name}_", "1", kernel_size=3, strides=strides)
    y = keras.layers.ReLU(name=f"{name}_relu1")(y)
    y = conv_bn(y, filters, f"{name}_", "2", kernel_size=3)
    y = keras.layers.Add(name=f"{name}_add")([y, shortcut])
    return keras.layers.ReLU(name=f"{name}_out")(y)


def build_model() -> keras.Model:
    """Return the untrained network.

    Blocks 1 and 2 repeat the same kernel shapes, so weights can be loaded into the wrong layer
    without any shape error; block 3 halves the resolution and so needs a projection.
    """
    image = keras.Input((8, 8, 1), dtype="float32", name="image")
    x = conv_bn(image, 16, "", "1", kernel_size=3)
    x = keras.layers.ReLU(name="relu1")(x)
    x = residual_block(x, 16, "block1")
    x = residual_block(x, 16, "block2")
    x = residual_block(x, 32, "block3", strides=2)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dropout(0.2, name="dropout")(x)
    x = keras.layers.Dense(len(LABELS), activation="softmax", name="predictions")(x)
    return keras.Model(image, x, name="digits")


def train(model: keras.Model, images: Images, classes: Classes) -> None:
    """Fit with a cosine schedule, whose small last steps let the moving statistics settle."""
    steps = EPOCHS * -(-len(images) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(PEAK_LEARNING_RATE, steps, alpha=0.01)
    model.compile(keras.optimizers.Adam(schedule), loss="sparse_categorical_crossentropy")
    model.fit(preprocess(images), classes, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)


def accuracy(model: keras.Model, inputs: Floats, classes: Classes) -> float:
    """Return the share of inputs classified correctly, in inference mode."""
    scores = model.predict(inputs, batch_size=256, verbose=0)
    return float(np.mean(np.argmax(scores, axis=-1) == classes))


def save(model: keras.Model, images: Images, classes: Classes, folder: Path) -> None:
    """Write the model, without optimizer state, and the held-out images it was judged on."""
    # Saving the trained model, or a clone_model() of it, would add the compiled optimizer, which
    # holds two more copies of every weight; a model built afresh has none.
    bare = build_model()
    bare.set_weights(model.get_weights())
    folder.mkdir(parents=True, exist_ok=True)
    bare.save(folder / "digits.keras")
    np.savez_compressed(
        folder / "digits_test.npz", x=images, y=classes, labels=np.array(LABELS, dtype=np.str_)
    )


def main() -> int:
    """Train, report, save; return 1 if the model is not good enough to ship."""
    parser = argparse.ArgumentParser(description="Train fpcheck's demonstration model.")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="folder to write to")
    folder: Path = parser.parse_args().output

    # Seeds alone leave multi-threaded reductions free to differ from run to run.
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()

    x_train, y_train, x_test, y_test = load_split()
    model = build_model()
    train(model, x_train, y_train)

    score = accuracy(model, preprocess(x_test), y_test)
    raw = x_test.astype(np.float32)
    print(f"test accuracy {score:.4f} on {len(y_test)} images")
    # Forgotten preprocessing must show, or the demo could not demonstrate finding it.
    print(f"  fed 0..255 {accuracy(model, raw, y_test):.4f}")
    print(f"  fed 0..1   {accuracy(model, raw / np.float32(255.0), y_test):.4f}")
    if score < MIN_ACCURACY:
        print(f"below {MIN_ACCURACY:.0%}: nothing written", file=sys.stderr)
        return 1
    save(model, x_test, y_test, folder)
    print(f"wrote digits.keras and digits_test.npz to {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
