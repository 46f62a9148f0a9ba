"""What Keras 2 wrote loads as the function that Keras 2 ran, or is refused by name.

Run as a script, this file is Keras 2: it writes every model below, an input and its outputs.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

Config = dict[str, Any]
Build = Callable[[Any], Any]  # makes a model, given Keras
Edit = Callable[[Config], Config | None]


def mlp(k: Any) -> Any:
    return k.Sequential(
        [k.layers.Dense(5, "relu", input_shape=(4,)), k.layers.Dropout(0.1), k.layers.Dense(3)]
    )


def convolutions(k: Any) -> Any:
    layers = [
        k.layers.Conv2D(4, 3, input_shape=(9, 9, 2)),
        k.layers.BatchNormalization(),
        k.layers.DepthwiseConv2D(3, activation="relu"),
        k.layers.SpatialDropout2D(0.1),
        k.layers.SeparableConv2D(3, 3, padding="same"),
        k.layers.LeakyReLU(0.3),
        k.layers.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1),
        k.layers.GlobalAveragePooling2D(),
    ]
    return k.Sequential(layers)


def recurrent(k: Any) -> Any:
    layers = [
        k.layers.LSTM(3, return_sequences=True, input_shape=(5, 4)),
        k.layers.GRU(3, return_sequences=True, reset_after=False),
        k.layers.SimpleRNN(4, return_sequences=True),
        k.layers.Bidirectional(k.layers.LSTM(2, return_sequences=True)),
        k.layers.RNN([k.layers.LSTMCell(3), k.layers.GRUCell(2)], return_sequences=True),
        k.layers.Bidirectional(k.layers.GRU(2), merge_mode="sum"),
    ]
    return k.Sequential(layers)


def gru_of_old(k: Any) -> Any:
    return k.Sequential([k.layers.GRU(3, reset_after=False, use_bias=False, input_shape=(5, 4))])


def conv_lstm(k: Any) -> Any:
    layer = k.layers.ConvLSTM2D(3, 2, recurrent_activation="sigmoid", input_shape=(3, 5, 5, 1))
    return k.Sequential([layer])


def hard_sigmoid(k: Any) -> Any:
    layers = [k.layers.LSTM(3, recurrent_activation="hard_sigmoid", name="old"), k.layers.Dense(2)]
    layers.append(k.layers.Activation("hard_sigmoid", name="gate"))
    return k.Sequential([k.Input((5, 4)), *layers])


def time_distributed(k: Any) -> Any:
    inner = k.Sequential([k.layers.Flatten(input_shape=(4, 3)), k.layers.Dense(2)])
    convolution = k.layers.TimeDistributed(k.layers.Conv1D(3, 2), input_shape=(3, 5, 2))
    normalization = k.layers.TimeDistributed(k.layers.BatchNormalization())
    return k.Sequential([convolution, normalization, k.layers.TimeDistributed(inner)])


def embedding(k: Any) -> Any:
    embedding = k.layers.Embedding(7, 3, mask_zero=True, input_length=6)
    return k.Sequential([embedding, k.layers.LSTM(2)])


def attention(k: Any) -> Any:
    query, value = k.Input((4, 3)), k.Input((5, 3))
    x = k.layers.MultiHeadAttention(2, 3)(query, value)
    y = k.layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    return k.Model([query, value], k.layers.Attention(use_scale=True)([y, value]))


def mask_argument(k: Any) -> Any:
    x, mask = k.Input((5, 4)), k.Input((5,), dtype="bool")
    return k.Model([x, mask], k.layers.LSTM(3)(x, mask=mask))


def initial_state(k: Any) -> Any:
    x = k.Input((5, 4))
    _, h, c = k.layers.LSTM(3, return_state=True)(x)
    return k.Model(x, k.layers.LSTM(3)(x, initial_state=[h, c]))


def _inner(k: Any, **kwargs: Any) -> Any:
    x = k.Input((4,), **kwargs)
    y = k.layers.BatchNormalization()(k.layers.Dense(3)(x))
    return k.Model(x, k.layers.Dense(3)(y), name="inner")


def nested_functional(k: Any) -> Any:
    x = k.Input((4,))
    return k.Model(x, k.layers.Dense(2)(_inner(k)(x)))


def nested_functional_as_output(k: Any) -> Any:
    x = k.Input((4,))
    return k.Model(x, _inner(k)(x))


def nested_functional_called_twice(k: Any) -> Any:
    a, b, inner = k.Input((4,)), k.Input((4,)), _inner(k)
    return k.Model([a, b], k.layers.Subtract()([inner(a), inner(b)]))


def nested_sequential(k: Any) -> Any:
    x = k.Input((4,))
    inner = k.Sequential([k.layers.Dense(3), k.layers.BatchNormalization(), k.layers.Dense(3)])
    return k.Model(x, k.layers.Dense(2)(inner(x)))


def nested_sequential_as_output(k: Any) -> Any:
    x = k.Input((4,))
    return k.Model(x, mlp(k)(x))


def nested_headed_by_a_model(k: Any) -> Any:
    x = k.Input((4,))
    return k.Model(x, k.layers.Dense(2)(k.Sequential([_inner(k), k.layers.Dense(3)])(x)))


def nested_partly_frozen(k: Any) -> Any:
    inner = _inner(k)
    inner.layers[1].trainable = inner.layers[2].trainable = False
    return k.Sequential([k.Input((4,)), inner, k.layers.Dense(2)])


def nested_normalization(k: Any) -> Any:
    inner = k.Sequential([k.Input((4,)), k.layers.Normalization()])
    inner.layers[0].adapt(np.arange(12.0).reshape(3, 4))
    return k.Sequential([k.Input((4,)), inner, k.layers.Activation("linear")])


def shared_layer(k: Any) -> Any:
    a, b, dense = k.Input((4,)), k.Input((4,)), k.layers.Dense(3)
    return k.Model([a, b], k.layers.Subtract()([dense(a), dense(b)]))


def layer_used_twice_in_a_sub_model(k: Any) -> Any:
    x, dense = k.Input((4,)), k.layers.Dense(4)
    inner = k.Model(x, dense(k.layers.Activation("tanh")(dense(x))))
    x = k.Input((4,))
    return k.Model(x, k.layers.Dense(2)(inner(x)))


def layer_shared_with_a_sequential_sub_model(k: Any) -> Any:
    x, dense = k.Input((4,)), k.layers.Dense(4)
    inner = k.Sequential([k.Input((4,)), dense, k.layers.Activation("tanh")])
    return k.Model(x, k.layers.Add()([dense(x), inner(x)]))


def layer_shared_with_a_functional_sub_model(k: Any) -> Any:
    x, dense = k.Input((4,), name="x"), k.layers.Dense(4, name="both")
    inner = k.Model(x, k.layers.Activation("tanh")(dense(x)))
    x = k.Input((4,), name="x")
    return k.Model(x, k.layers.Add()([dense(x), inner(x)]))


def sub_model_on_the_same_input(k: Any) -> Any:
    x = k.Input((4,))
    encoder = k.Model(x, k.layers.Dense(3)(x))
    z = k.Input((3,))
    decoder = k.Model(z, k.layers.Dense(4)(z))
    return k.Model(x, decoder(encoder(x)))


def several_inputs_and_outputs(k: Any) -> Any:
    a, b = k.Input((4,)), k.Input((3,))
    both = k.layers.Concatenate()([a, b])
    return k.Model([a, b], [k.layers.Dense(2)(both), k.layers.Dense(1)(b)])


def mixed_precision(k: Any) -> Any:
    def policy() -> Any:
        return k.mixed_precision.Policy("mixed_float16")

    layers = [
        k.layers.Dense(4, "relu", dtype=policy()),
        k.layers.BatchNormalization(dtype=policy()),
    ]
    return k.Sequential([k.Input((4,)), *layers, k.layers.Dense(2, dtype="float32")])


def unbuilt_sequential(k: Any) -> Any:
    model = k.Sequential([k.layers.Dense(3), k.layers.Dense(2)])
    model.build((None, 4))
    return model


def compiled(k: Any) -> Any:
    model = mlp(k)
    model.compile("adam", "mse")
    model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    return model


def names_with_slashes(k: Any) -> Any:
    x = k.Input((4,))
    y = k.layers.BatchNormalization(name="a/bn")(k.layers.Dense(3, name="a/d")(x))
    return k.Model(x, y)


def several_axes(k: Any) -> Any:
    layers = [k.layers.LayerNormalization(axis=[1, 2]), k.layers.LayerNormalization()]
    return k.Sequential([k.Input((3, 4, 2)), *layers, k.layers.Softmax(axis=[1, 2])])


def augmentation(k: Any) -> Any:
    layers = [k.layers.Rescaling(1 / 255), k.layers.RandomFlip(), k.layers.RandomRotation(0.1)]
    return k.Sequential([k.Input((8, 8, 3)), *layers, k.layers.Resizing(6, 6)])


def arithmetic(k: Any) -> Any:
    x = k.Input((4,))
    y = (1 - k.layers.Dense(4)(x) * 2.0) / (x**2 + 3)
    return k.Model(x, -y + x - y * y + np.array([1.0, 2.0, 3.0, 4.0], "float32"))


def slices(k: Any) -> Any:
    x = k.Input((6, 4))
    y = x[:, 1:3] * x[:, ::-2][:, 1:] + x[:, 0][:, None]
    return k.Model(x, y[..., 1:] - 1)


def functions(k: Any) -> Any:
    import tensorflow as tf

    x = k.Input((4,))
    y = tf.nn.softmax(tf.math.exp(-tf.abs(x)), axis=-1)
    y = tf.concat([tf.nn.relu(x), tf.sqrt(y), tf.tanh(x), tf.nn.leaky_relu(x)], axis=-1)
    y = tf.expand_dims(tf.transpose(tf.reshape(y, (-1, 2, 8)), [0, 2, 1]), 1)
    y = tf.stack([tf.squeeze(y, 1), tf.ones((8, 2)) * 2 * tf.squeeze(y, 1)], axis=1)
    y = tf.clip_by_value(tf.cast(y, "float32"), -1.0, 0.5)
    y = tf.maximum(tf.reduce_sum(y, axis=[1], keepdims=True), tf.reduce_mean(y, 1)[:, None])
    return k.Model(x, tf.matmul(y, tf.transpose(y, [0, 1, 3, 2])))


def sum_over_another_axis(k: Any) -> Any:
    import tensorflow as tf

    x = k.Input((4,))
    return k.Model(x, x + tf.reduce_max(x, axis=-1, keepdims=True))


def unknown_function(k: Any) -> Any:
    import tensorflow as tf

    x = k.Input((4,))
    return k.Model(x, tf.math.cumsum(x, axis=1))


def code(k: Any) -> Any:
    return k.Sequential([k.layers.Lambda(lambda x: x * 2, input_shape=(4,)), k.layers.Dense(2)])


SAME = [
    mlp,
    convolutions,
    recurrent,
    gru_of_old,
    conv_lstm,
    time_distributed,
    embedding,
    attention,
    mask_argument,
    initial_state,
    nested_functional,
    nested_functional_as_output,
    nested_functional_called_twice,
    nested_sequential,
    nested_sequential_as_output,
    nested_headed_by_a_model,
    nested_partly_frozen,
    nested_normalization,
    shared_layer,
    layer_used_twice_in_a_sub_model,
    layer_shared_with_a_sequential_sub_model,
    sub_model_on_the_same_input,
    several_inputs_and_outputs,
    mixed_precision,
    unbuilt_sequential,
    compiled,
    names_with_slashes,
    several_axes,
    augmentation,
    arithmetic,
    slices,
    functions,
]
OTHERS = [
    hard_sigmoid,
    layer_shared_with_a_functional_sub_model,
    sum_over_another_axis,
    unknown_function,
    code,
]


def write_all(folder: Path) -> None:
    """Keras 2's part: each model with weights that no two layers have alike."""
    import tf_keras

    rng = np.random.default_rng(0)
    for kind in [*SAME, *OTHERS]:
        model = kind(tf_keras)
        for weight in model.weights:
            if "float" in weight.dtype.name and kind is not nested_normalization:
                weight.assign(weight + 0.3 * np.abs(rng.normal(size=weight.shape)))
        inputs = []
        for tensor in model.inputs or [np.zeros((1, 4), "float32")]:
            values = 2 * rng.normal(size=(2, *tensor.shape[1:]))
            is_index = model.layers[0].__class__.__name__ == "Embedding"
            values = np.sort(abs(values) * 2 % 7)[:, ::-1] // 1 if is_index else values
            inputs.append(values > 0 if tensor.dtype == bool else values.astype("float32"))
        outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        model.save(folder / f"{kind.__name__}.h5")
        if kind is not slices:  # Keras 2 cannot write an ellipsis there
            model.save(folder / f"{kind.__name__}.keras")
        named: dict[str, Any] = {f"in{i}": x for i, x in enumerate(inputs)}
        named |= {f"out{i}": y for i, y in enumerate(outputs)}
        np.savez(folder / f"{kind.__name__}.npz", **named)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras2")
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def load(path: Path, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True) -> Any:
    from fpcheck.loading.keras2_models import load_legacy_h5

    return load_legacy_h5(path, custom_objects or {}, safe_mode)


def assert_runs_as_in_keras2(model: Any, arrays: Path) -> None:
    with np.load(arrays) as saved:
        inputs = [saved[name] for name in saved if name.startswith("in")]
        wanted = [saved[name] for name in saved if name.startswith("out")]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    # Processors round sums of float16 otherwise: by a step, which is 1e-3.
    allowed = 2e-3 if arrays.stem == "mixed_precision" else 1e-5
    for output, want in zip(outputs, wanted, strict=True):
        np.testing.assert_allclose(output, want, rtol=allowed, atol=allowed * np.abs(want).max())


def configuration(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        config: Config = json.loads(file.attrs["model_config"])
        return config


def edited(written: Path, kind: Build, tmp_path: Path, edit: Edit, **attributes: Any) -> Path:
    """A copy of a file whose model configuration (and attributes) are others."""
    path = tmp_path / "edited.h5"
    shutil.copy(written / f"{kind.__name__}.h5", path)
    config = configuration(path)
    config = edit(config) or config
    with h5py.File(path, "r+") as file:
        file.attrs.update({"model_config": json.dumps(config), **attributes})
    return path


@pytest.mark.parametrize("kind", SAME)
def test_a_model_of_keras2_runs_as_it_did(written: Path, kind: Build) -> None:
    path = written / f"{kind.__name__}.h5"
    before = path.read_bytes()
    assert_runs_as_in_keras2(load(path), path.with_suffix(".npz"))
    assert path.read_bytes() == before


# Keras 2 writes the weights of a shared layer where Keras 3 does not look for them.
NOT_IN_ARCHIVES = (slices, layer_shared_with_a_sequential_sub_model)


@pytest.mark.parametrize("kind", [kind for kind in SAME if kind not in NOT_IN_ARCHIVES])
def test_an_archive_of_keras2_runs_as_it_did(written: Path, kind: Build) -> None:
    from fpcheck.loading.keras2_models import load_old_archive

    path = written / f"{kind.__name__}.keras"
    model = load_old_archive(path, {}, safe_mode=True)
    assert_runs_as_in_keras2(model, path.with_suffix(".npz"))


def test_an_archive_that_keras3_would_run_otherwise_is_refused(written: Path) -> None:
    from fpcheck.loading.keras2_models import load_old_archive

    for kind, message in (
        (sum_over_another_axis, "Keras 3 adds"),
        (layer_shared_with_a_sequential_sub_model, "expected 2 variables"),
        (code, "Lambda"),
    ):
        with pytest.raises(ValueError, match=message):
            load_old_archive(written / f"{kind.__name__}.keras", {}, safe_mode=True)


def told_of(path: Path) -> list[str]:
    """What reading a file without Keras says of loading it with Keras."""
    from fpcheck.formats.model_file import ModelFile

    notes = ModelFile(str(path), path.name).reading(None).notes
    return [note for note in notes if "load_model of Keras 3" in note]


def assert_told_if_refused(path: Path) -> None:
    import keras

    try:
        keras.models.load_model(path, compile=False, safe_mode=False)
    except Exception:  # whatever Keras and TensorFlow raise
        assert len(told_of(path)) == 1
    else:
        assert told_of(path) == []


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("kind", [*SAME, hard_sigmoid, sum_over_another_axis, code])
def test_what_keras3_itself_refuses_is_told_without_running_it(
    written: Path, kind: Build, suffix: str
) -> None:
    path = written / f"{kind.__name__}.{suffix}"
    if path.exists() or kind is not slices:
        assert_told_if_refused(path)


def test_the_first_reason_is_named(written: Path) -> None:
    assert told_of(written / "embedding.h5") == [
        "written by Keras 2; load_model of Keras 3 refuses this file (layer lstm_2 has the "
        "argument time_major), although fpcheck can read it"
    ]
    assert told_of(written / "convolutions.h5")[0].endswith(
        "(layer depthwise_conv2d has the argument groups, and 7 more), although fpcheck can read it"
    )


def as_list_without_names(config: Config) -> Config:
    layers = config["config"]["layers"][1:]
    return {"class_name": "Sequential", "config": layers}


def each_layer(edit: Callable[[Config, Config], None]) -> Edit:
    def edit_all(config: Config) -> None:
        for layer in config["config"]["layers"]:
            edit(layer, layer["config"])

    return edit_all


def old_classes(layer: Config, _config: Config) -> None:
    old = {"BatchNormalization": "BatchNormalizationV1", "Functional": "Model"}
    layer["class_name"] = old.get(layer["class_name"], layer["class_name"])


def initializers_with_dtype(_layer: Config, config: Config) -> None:
    for key in [key for key in config if key.endswith("_initializer")]:
        config[key] = {"class_name": "RandomNormal", "config": {"mean": 0.0, "dtype": "float32"}}


def arrays_for_numbers(_layer: Config, config: Config) -> None:
    if "alpha" in config:
        config["alpha"] = {"type": "ndarray", "value": config["alpha"]}


def arguments_that_say_nothing(layer: Config, config: Config) -> None:
    if layer["class_name"] == "BatchNormalization":
        config |= {"renorm": False, "fused": True, "virtual_batch_size": None, "axis": 3}


def integer_embedding(config: Config) -> None:
    config["config"]["layers"][1]["config"]["dtype"] = "int32"


def policies_of_old(_layer: Config, config: Config) -> None:
    if isinstance(config.get("dtype"), dict):
        config["dtype"] = {"class_name": "PolicyV1", "config": config["dtype"]["config"]}


OLD = [
    (mlp, as_list_without_names),
    (embedding, as_list_without_names),
    (convolutions, as_list_without_names),
    (convolutions, each_layer(old_classes)),
    (nested_functional, each_layer(old_classes)),
    (recurrent, each_layer(initializers_with_dtype)),
    (convolutions, each_layer(arrays_for_numbers)),
    (convolutions, each_layer(arguments_that_say_nothing)),
    (gru_of_old, each_layer(lambda _, config: config.pop("reset_after", None) and None)),
    (embedding, integer_embedding),
    (mixed_precision, each_layer(policies_of_old)),
]


@pytest.mark.parametrize(("kind", "edit"), OLD)
def test_older_spellings_mean_the_same(
    written: Path, tmp_path: Path, kind: Build, edit: Edit
) -> None:
    path = edited(written, kind, tmp_path, edit)
    assert_runs_as_in_keras2(load(path), written / f"{kind.__name__}.npz")


@pytest.mark.parametrize(("kind", "edit"), OLD)
def test_older_spellings_that_keras3_refuses_are_told(
    written: Path, tmp_path: Path, kind: Build, edit: Edit
) -> None:
    assert_told_if_refused(edited(written, kind, tmp_path, edit))


def give(kind: str, **arguments: Any) -> Edit:
    def edit(layer: Config, config: Config) -> None:
        if layer["class_name"] == kind:
            config |= arguments

    return each_layer(edit)


def rename(old: str, new: str) -> Edit:
    def edit(layer: Config, _config: Config) -> None:
        layer["class_name"] = new if layer["class_name"] == old else layer["class_name"]

    return each_layer(edit)


def nothing(_config: Config) -> None:
    return None


def without_the_last_layer(config: Config) -> None:
    config["config"]["layers"].pop()


REFUSED = [
    (unknown_function, nothing, "layer tf.math.cumsum calls tf.math.cumsum"),
    (functions, give("TFOpLambda", function="raw_ops.ReadFile"), "calls tf.raw_ops.ReadFile"),
    (sum_over_another_axis, nothing, "layer tf.__operators__.add.*: Keras 3 adds"),
    (layer_shared_with_a_functional_sub_model, nothing, "layer both is shared by models"),
    (code, nothing, "(?s)Lambda.*arbitrary code"),
    (recurrent, give("LSTM", time_major=True), "layer lstm.*: Keras 3 has no time_major=True"),
    (convolutions, give("DepthwiseConv2D", groups=2), "layer depthwise.*has no groups=2"),
    (convolutions, give("BatchNormalization", renorm=True), "layer batch.*has no renorm=True"),
    (convolutions, give("Conv2D", invented=1), "invented"),
    (convolutions, rename("LeakyReLU", "Leak"), "layer leaky.*no such Leak"),
    (augmentation, rename("RandomFlip", "RandomCrop"), "layer random.*no such RandomCrop"),
    (convolutions, give("Conv2D", filters=5), "Shape mismatch"),
    (mlp, give("Dense", use_bias=False), "Weight count mismatch"),
    (mlp, without_the_last_layer, "Layer count mismatch"),
]


@pytest.mark.parametrize(("kind", "edit", "message"), REFUSED)
def test_what_would_be_another_model_is_refused(
    written: Path, tmp_path: Path, kind: Build, edit: Edit, message: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        load(edited(written, kind, tmp_path, edit))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"backend": "theano"}, "Theano"),
        ({"keras_version": "1.2.2"}, "Keras 1"),
    ],
)
def test_files_whose_weights_mean_something_else_are_refused(
    written: Path, tmp_path: Path, attributes: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load(edited(written, convolutions, tmp_path, nothing, **attributes))


def test_a_file_of_weights_only_is_refused(written: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(written / "mlp.h5", tmp_path))
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
    with pytest.raises(ValueError, match="contains no whole model"):
        load(path)


def test_code_in_the_file_runs_only_outside_of_safe_mode(written: Path) -> None:
    model = load(written / "code.h5", safe_mode=False)
    assert_runs_as_in_keras2(model, written / "code.npz")


def test_a_custom_class_goes_before_that_of_keras(written: Path) -> None:
    import keras

    class Dense(keras.layers.Dense):
        pass

    model = load(written / "mlp.h5", {"Dense": Dense})
    assert [type(layer) for layer in model.layers] == [Dense, keras.layers.Dropout, Dense]


def test_functions_that_keras3_redefined_are_told(written: Path) -> None:
    from fpcheck.keras_config.keras2_config import redefined_builtins

    assert redefined_builtins(configuration(written / "hard_sigmoid.h5")) == [
        "old: recurrent_activation hard_sigmoid",
        "gate: activation hard_sigmoid",
    ]
    assert redefined_builtins(configuration(written / "recurrent.h5")) == []
    load(written / "hard_sigmoid.h5")


@pytest.mark.parametrize("kind", [mlp, several_inputs_and_outputs, shared_layer])
def test_where_keras3_needs_no_help_the_model_is_the_one_it_loads(
    written: Path, kind: Build
) -> None:
    import keras

    path = written / f"{kind.__name__}.h5"
    plain = keras.models.load_model(path, compile=False)
    assert load(path).get_config() == plain.get_config()


def test_a_file_of_keras3_loads_as_keras_loads_it(tmp_path: Path) -> None:
    import keras

    layers = [keras.layers.LSTM(3), keras.layers.Dense(2, activation="hard_sigmoid")]
    model = keras.Sequential([keras.Input((5, 4)), *layers])
    model.save(tmp_path / "model.h5")
    loaded = load(tmp_path / "model.h5")
    assert loaded.get_config() == model.get_config()
    x = np.ones((2, 5, 4), "float32")
    np.testing.assert_array_equal(loaded(x), model(x))


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))


def test_an_axis_means_the_same_however_it_is_counted() -> None:
    import keras
    from keras import layers

    from fpcheck.model.live_structure import read_structure

    def net(axis: int) -> keras.Model:
        x = keras.Input((7, 4), name="x")
        normal = layers.BatchNormalization(axis=axis, name="bn")(x)
        return keras.Model(x, layers.Softmax(axis=axis, name="y")(normal))

    assert read_structure(net(2)).digest == read_structure(net(-1)).digest
    assert read_structure(net(1)).digest != read_structure(net(-1)).digest
