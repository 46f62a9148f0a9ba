"""A file that holds a part of a model is compared as far as it goes; one that lost layers fails."""

from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers as kl

from fpcheck.codec import PathText
from fpcheck.errors import FpcheckError
from fpcheck.model.source import Options
from fpcheck.report.report import Report
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.hash_ import hash_weights
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

STATIC = Options(static=True)
WITH_MODEL = Options(static=True, model=PathText("net.keras"))
BOTH = pytest.mark.parametrize("options", [STATIC, WITH_MODEL], ids=["alone", "with-model"])


def filled(model: keras.Model) -> keras.Model:
    random = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(np.abs(variable.numpy() + random.normal(0, 0.15, variable.shape)))
    return model


def tower() -> keras.Model:
    """Two layers of one class in a row of blocks, so that a shift by one would fit."""
    i = x = keras.Input((12,), name="features")
    for n in range(4):
        h = kl.Dense(16, name=f"up_{n}")(kl.LayerNormalization(name=f"ln_{n}")(x))
        x = kl.Add(name=f"res_{n}")([x, kl.Dense(12, name=f"down_{n}")(h)])
    return filled(keras.Model(i, kl.Dense(5, name="head")(x), name="tower"))


def nested() -> keras.Model:
    """A body that is a model of its own, and a head, as of a pretrained backbone."""
    image = keras.Input((8, 8, 3), name="image")
    x = kl.Conv2D(4, 3, name="conv1")(image)
    x = kl.BatchNormalization(name="norm1")(x)
    x = kl.Conv2D(4, 3, name="conv2")(x)
    body = keras.Model(image, x, name="backbone")
    picture = keras.Input((8, 8, 3), name="picture")
    y = kl.GlobalAveragePooling2D(name="pooler")(body(picture))
    y = kl.Dropout(0.1, name="drop")(y)
    return filled(keras.Model(picture, kl.Dense(5, name="predictions")(y), name="classifier"))


def flat() -> keras.Model:
    """The same without a model inside."""
    image = keras.Input((8, 8, 3), name="image")
    x = kl.Conv2D(4, 3, name="conv1")(image)
    x = kl.BatchNormalization(name="norm1")(x)
    x = kl.Conv2D(4, 3, name="conv2")(x)
    y = kl.GlobalAveragePooling2D(name="pooler")(x)
    return filled(keras.Model(image, kl.Dense(5, name="predictions")(y), name="flat"))


def recorded(model: keras.Model) -> keras.Model:
    model.save("net.keras")
    model.save_weights("net.weights.h5")
    record_source("net.keras", RecordRequest(name="net"), STATIC)
    return model


def without(*groups: str, path: str = "part.weights.h5") -> str:
    """A copy of the whole file that lost some groups."""
    Path(path).write_bytes(Path("net.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        for group in groups:
            del file[group]
    return path


def compared(path: str, options: Options = STATIC, **asked: object) -> Report:
    return compare_source(path, CompareRequest(golden="net", **asked), options)  # type: ignore[arg-type]


def told(report: Report) -> tuple[str, list[str], list[str]]:
    found = [(d.code, d.confidence) for d in report.diagnoses]
    weights = {f.where for f in report.errors if f.level == "weights"}
    return report.verdict, [f"{code} {sure:g}" for code, sure in found], sorted(weights)


@BOTH
@pytest.mark.parametrize(
    ("group", "layer"),
    [
        ("layer_normalization", "ln_0"),
        ("layer_normalization_2", "ln_2"),
        ("dense", "up_0"),
        ("dense_3", "down_1"),
        ("dense_8", "head"),
    ],
)
def test_a_file_that_lost_a_layer_says_which_and_nothing_of_the_others(
    group: str, layer: str, options: Options, here: Path
) -> None:
    model = recorded(tower())
    lost = sorted(f"{layer}/{v.name}" for v in model.get_layer(layer).weights)
    report = compared(without(f"layers/{group}"), options)
    assert told(report) == ("mismatch", ["tensors-missing 1"], lost)


@BOTH
def test_a_tensor_that_is_gone_is_named_by_the_number_that_the_file_kept(
    options: Options, here: Path
) -> None:
    recorded(tower())
    report = compared(without("layers/dense_2/vars/0"), options)
    assert told(report) == ("mismatch", ["tensors-missing 1"], ["up_1/kernel"])


def test_names_of_a_legacy_file_come_before_running_numbers(here: Path) -> None:
    model = recorded(tower())
    with h5py.File("part.h5", "w") as file:
        held = [la for la in model.layers if la.name != "ln_0"]
        file.attrs["layer_names"] = [la.name for la in held]
        for la in held:
            group = file.create_group(la.name)
            group.attrs["weight_names"] = [f"{la.name}/{v.name}" for v in la.weights] or np.array(
                [], "S1"
            )
            for v in la.weights:
                group[f"{la.name}/{v.name}"] = v.numpy()
    report = compared("part.h5")
    assert told(report) == ("mismatch", ["tensors-missing 1"], ["ln_0/beta", "ln_0/gamma"])


def shards(size: int = 1_000) -> list[str]:
    keras.saving.load_model("net.keras").save_weights(
        "net.weights.json", max_shard_size=size / 1024**3
    )
    return sorted(path.name for path in Path().glob("net_0*.weights.h5"))


@BOTH
def test_a_shard_alone_is_a_part(options: Options, here: Path) -> None:
    recorded(tower())
    names = shards()
    assert len(names) > 3
    for name in names:
        assert told(compared(name, options)) == ("incomplete", [], [])
    report = compared(names[1], options, levels=("weights",))
    part = "2 of 13 layers with weights (down_0, ln_1)"
    assert report.verdict == "incomplete"
    assert report.levels["weights"].reason == f"a part of the model: {part}, equal to the golden's"
    assert report.notes == [
        f"the file contains a part of the model: {part}; not compared: ln_0, up_0, up_1, down_1, "
        "ln_2 and 6 more"
    ]


@keras.saving.register_keras_serializable("partial")
class Block(kl.Layer):
    """Its layers lie below it, by attribute."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.up = kl.Dense(16, name="up")
        self.down = kl.Dense(12, name="down")
        self.up.build(shape)
        self.down.build((*shape[:-1], 16))

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x + self.down(self.up(x))

    def compute_output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


def test_a_shard_with_half_a_custom_layer_is_placed_though_it_names_none(here: Path) -> None:
    """The group of the layer `block_2` is called `block_1`, and a later shard has no name in it."""
    x = i = keras.Input((12,), name="features")
    for n in (1, 2, 3):
        x = Block(name=f"block_{n}")(x)
    recorded(filled(keras.Model(i, kl.Dense(5, name="head")(x), name="net")))
    names = shards()
    assert len(names) > 4
    for name in names:
        assert told(compared(name)) == ("incomplete", [], [])


def test_a_wrong_tensor_in_a_shard_is_a_mismatch_and_the_only_one(here: Path) -> None:
    recorded(tower())
    name = shards()[1]
    with h5py.File(name, "r+") as file:
        file["layers/dense_1/vars/0"][0, 0] += 1
    report = compared(name)
    assert told(report) == ("mismatch", ["point-change 0.97"], ["down_0/kernel"])


def test_a_shard_that_its_index_does_not_describe_is_refused(here: Path) -> None:
    recorded(tower())
    name = shards()[1]
    with h5py.File(name, "r+") as file:
        del file["layers/dense_1"]
    with pytest.raises(FpcheckError, match=r"layers/dense_1/vars is not in net_00001\.weights\.h5"):
        compared(name)


def test_a_file_numbered_like_a_shard_without_an_index_is_none(here: Path) -> None:
    recorded(tower())
    report = compared(without("layers/dense", path="net_00001.weights.h5"))
    assert told(report) == ("mismatch", ["tensors-missing 1"], ["up_0/bias", "up_0/kernel"])


@BOTH
def test_a_head_without_its_body_is_a_part(options: Options, here: Path) -> None:
    """As KerasHub writes `task.weights.h5`: the body and its input are left out."""
    recorded(nested())
    report = compared(without("layers/functional", "layers/input_layer"), options)
    assert told(report) == ("incomplete", [], [])
    assert report.levels["weights"].reason == (
        "a part of the model: 1 of 4 layers with weights (predictions), equal to the golden's"
    )
    assert report.notes == [
        "the file contains a part of the model: 1 of 4 layers with weights (predictions); not "
        "compared: backbone/conv1, backbone/norm1, backbone/conv2"
    ]


@BOTH
def test_of_a_head_that_was_trained_further_nothing_is_said_of_the_body(
    options: Options, here: Path
) -> None:
    recorded(nested())
    path = without("layers/functional", "layers/input_layer")
    with h5py.File(path, "r+") as file:
        for tensor in file["layers/dense/vars"].values():
            tensor[...] = tensor[()] * 1.01 + np.linspace(0, 0.01, tensor.size).reshape(
                tensor.shape
            )
    report = compared(path, options)
    assert told(report) == (
        "mismatch",
        ["fine-tuned 0.85"],
        ["predictions/bias", "predictions/kernel"],
    )
    (found,) = report.diagnoses
    assert found.summary.startswith("The weights of predictions are close to the golden's")
    assert found.evidence[0].startswith("1 layer of 1: ")
    assert report.notes[0].endswith("not compared: backbone/conv1, backbone/norm1, backbone/conv2")


@BOTH
def test_a_whole_that_lost_its_body_is_no_part(options: Options, here: Path) -> None:
    """It still names its input, as a file of the whole does."""
    recorded(nested())
    path = without("layers/functional")
    if options.model:  # most is gone, as of another model
        with pytest.raises(FpcheckError, match="does not fit --model"):
            compared(path, options)
    else:
        assert compared(path).verdict == "mismatch"


@BOTH
def test_a_body_saved_by_itself_is_a_part(options: Options, here: Path) -> None:
    recorded(nested()).get_layer("backbone").save_weights("body.weights.h5")
    report = compared("body.weights.h5", options)
    assert told(report) == ("incomplete", [], [])
    assert report.notes == [
        "the file contains a part of the model: 3 of 4 layers with weights (backbone/conv1, "
        "backbone/norm1, backbone/conv2); not compared: predictions"
    ]


def test_a_body_is_recognised_by_place_where_its_names_are_others(here: Path) -> None:
    recorded(nested()).get_layer("backbone").save_weights("body.weights.h5")
    with h5py.File("body.weights.h5", "r+") as file:
        for number, group in enumerate(file["layers"].values()):
            group["vars"].attrs["name"] = f"other_{number}"
    assert told(compared("body.weights.h5")) == ("incomplete", [], [])


def test_a_whole_that_lost_its_head_is_no_body(here: Path) -> None:
    recorded(nested())
    report = compared(without("layers/dense"))
    assert told(report) == (
        "mismatch",
        ["tensors-missing 1"],
        ["predictions/bias", "predictions/kernel"],
    )


def test_a_body_without_a_model_of_its_own_is_told_by_the_layers_that_it_does_not_name(
    here: Path,
) -> None:
    model = recorded(flat())
    body = keras.Model(model.input, model.get_layer("conv2").output)
    body.save_weights("body.weights.h5")
    report = compared("body.weights.h5")
    assert told(report) == ("incomplete", [], [])
    assert report.notes[0].endswith("not compared: predictions")
    lost = compared(without("layers/dense"))
    assert told(lost)[:2] == ("mismatch", ["tensors-missing 1"])


def test_a_head_of_another_name_is_placed_by_its_digests(here: Path) -> None:
    model = recorded(nested())
    head = keras.Sequential([kl.Input((4,)), kl.Dense(5, name="classes")])
    head.set_weights(model.get_layer("predictions").get_weights())
    head.save_weights("head.weights.h5")
    report = compared("head.weights.h5")
    assert report.verdict == "incomplete"
    assert report.levels["weights"].reason == (
        "a part of the model: 1 of 4 layers with weights (predictions), equal to the golden's"
    )


@pytest.mark.parametrize(
    "refused",
    [
        lambda path: record_source(path, RecordRequest(name="other"), WITH_MODEL),
        lambda path: hash_weights(path, WITH_MODEL),
    ],
    ids=["record", "hash"],
)
def test_a_part_is_not_recorded_as_the_whole(refused: Callable[[str], object], here: Path) -> None:
    recorded(nested()).get_layer("backbone").save_weights("body.weights.h5")
    with pytest.raises(FpcheckError) as raised:
        refused("body.weights.h5")
    assert str(raised.value) == (
        "body.weights.h5: contains a part of the weights of --model net.keras\n"
        "Give the file that contains them all, or as --model the part that it was saved from."
    )
