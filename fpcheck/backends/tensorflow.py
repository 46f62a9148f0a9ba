"""TensorFlow. Keras uses its tables in lookup layers on every backend."""

from typing import Any

from fpcheck.backends.backend import Backend, Gradients, Target

_BUILDS = ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly")


def _is_traced(tensor: Any) -> bool:
    return hasattr(tensor, "graph") and not hasattr(tensor, "numpy")


def _text(array: Any) -> Any:
    import tensorflow as tf

    return tf.constant(array.tolist())


def _gradients(target: Target, variables: list[Any]) -> Gradients:
    import tensorflow as tf

    values = [v.value for v in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        scalar, logits = target()
    found = tape.gradient(scalar, values)
    return logits, [None if g is None else tf.convert_to_tensor(g) for g in found]


BACKEND = Backend(
    name="tensorflow",
    title="TensorFlow",
    install="pip install tensorflow",
    packages={"tensorflow": _BUILDS},
    always_used=True,
    variables=("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS"),
    before_import={"TF_CPP_MIN_LOG_LEVEL": "3"},
    # The backward pass runs in the second process only, so also without oneDNN: with it,
    # TensorFlow 2.21 crashed in the backward pass of a 1x1 convolution of stride 2.
    other_arithmetic={"TF_NUM_INTRAOP_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "0"},
    is_traced=_is_traced,
    text=_text,
    gradients=_gradients,
)
