"""Sources that give the bundled model with one real fault: `fpcheck.demo.faults:kernel_flipped`.

Each of them loads without an error and has outputs of the right shape.
"""

from typing import Any

from fpcheck.demo import MODEL


def _good() -> Any:
    import keras

    return keras.saving.load_model(MODEL, compile=False)


def _rebuilt(changes: dict[str, dict[str, Any]]) -> Any:
    """The good model with its weights, and some layers configured otherwise."""
    import keras

    good = _good()

    def clone(layer: Any) -> Any:
        return layer.__class__.from_config(layer.get_config() | changes.get(layer.name, {}))

    model = keras.models.clone_model(good, clone_function=clone)
    model.set_weights(good.get_weights())
    return model


def layer_never_loaded() -> Any:
    """One convolution has new initial values, as after a misspelt name."""
    import keras

    model = _good()
    kernel = model.get_layer("block2_conv1").kernel
    kernel.assign(keras.initializers.GlorotUniform(seed=1)(kernel.shape))
    return model


def batchnorm_reset() -> Any:
    """Only trainable weights were copied: moving statistics are 0 and 1."""
    model = _good()
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.moving_mean.assign(layer.moving_mean * 0)
            layer.moving_variance.assign(layer.moving_variance * 0 + 1)
    return model


def layers_swapped() -> Any:
    """Two convolutions of equal shape have each other's weights."""
    model = _good()
    layers = model.get_layer("block1_conv2"), model.get_layer("block2_conv1")
    first, second = (layer.get_weights() for layer in layers)
    layers[0].set_weights(second)
    layers[1].set_weights(first)
    return model


def kernel_flipped() -> Any:
    """One kernel is rotated by 180 degrees, as by an old converter."""
    model = _good()
    layer = model.get_layer("conv1")
    layer.set_weights([layer.get_weights()[0][::-1, ::-1], *layer.get_weights()[1:]])
    return model


def stride_changed() -> Any:
    """One block no longer halves the size of the image; all weights still fit."""
    return _rebuilt({"block3_conv1": {"strides": (1, 1)}, "block3_conv_proj": {"strides": (1, 1)}})


def epsilon_changed() -> Any:
    """BatchNormalization has another framework's epsilon."""
    return _rebuilt({"bn1": {"epsilon": 0.1}})
