"""A file of weights alone pairs with the golden by path, by order, and by content."""

import importlib
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
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

MODELS = importlib.import_module("models")
STATIC = Options(static=True)


@pytest.fixture
def model(here: Path) -> keras.Model:
    """A model whose golden `net` is recorded, and whose weights lie in files of each kind."""
    model: keras.Model = MODELS.nested_net()
    model.save("net.keras")
    model.save_weights("net.weights.h5")
    legacy("net.h5", model)
    record_source("net.keras", RecordRequest(name="net"), STATIC)
    return model


def legacy(path: str, model: keras.Model, rename: Callable[[str], str] = str) -> None:
    """The weights as legacy HDF5, as Keras 2 wrote them; layers may have other names."""
    saving = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")
    with h5py.File("named.h5", "w") as file:
        saving.save_weights_to_hdf5_group(file, model)
    with h5py.File("named.h5") as named, h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [rename(name).encode() for name in names(named, "layer_names")]
        for name in named:
            copy = file.create_group(rename(name))
            copy.attrs["weight_names"] = listed = names(named[name], "weight_names")
            for tensor in listed:
                copy.create_dataset(tensor, data=named[name][tensor][()])


def names(group: h5py.Group, attribute: str) -> list[str]:
    return [n.decode() if isinstance(n, bytes) else str(n) for n in group.attrs[attribute]]


def compared(path: str, levels: tuple[str, ...] | None = ("weights",)) -> Report:
    return compare_source(path, CompareRequest(golden="net", levels=levels), STATIC)


@pytest.mark.parametrize("path", ["net.weights.h5", "net.h5"])
def test_it_pairs_by_the_paths_that_the_file_names(path: str, model: keras.Model) -> None:
    report = compared(path)
    assert (report.verdict, report.findings) == ("match", [])
    assert report.candidate.content_id == report.golden.content_id
    assert hash_weights(path, STATIC) == report.golden.content_id


def test_it_pairs_by_order_where_names_are_others(model: keras.Model) -> None:
    legacy("renamed.h5", model, lambda name: f"model_9_{name}")
    assert compared("renamed.h5").verdict == "match"


def test_it_pairs_by_content_where_a_layer_is_missing_and_all_names_are_others(
    model: keras.Model,
) -> None:
    legacy("renamed.h5", model, lambda name: f"model_9_{name}")
    with h5py.File("renamed.h5", "r+") as file:
        kept = [name for name in names(file, "layer_names") if name != "model_9_shared"]
        file.attrs["layer_names"] = kept
        del file["model_9_shared"]
    assert [(f.code, f.where) for f in compared("renamed.h5").findings] == [
        ("tensor-missing", "shared/kernel"),
        ("tensor-missing", "shared/bias"),
    ]


def test_a_changed_value_is_found_in_the_layer_that_holds_it(model: keras.Model) -> None:
    with h5py.File("net.weights.h5", "r+") as file:
        file["layers/dense/vars/0"][0, 0] += 1.0
    report = compared("net.weights.h5")
    assert report.verdict == "mismatch"
    assert [(f.level, f.code, f.where) for f in report.findings] == [
        ("weights", "tensor-changed", "shared/kernel")
    ]


def test_without_an_architecture_the_structure_is_skipped_and_the_verdict_incomplete(
    model: keras.Model,
) -> None:
    report = compared("net.weights.h5", levels=None)
    reason = "the file contains weights only; name its architecture with --model"
    assert report.verdict == "incomplete"
    assert [(n, la.status, la.reason) for n, la in report.levels.items()] == [
        ("structure", "skipped", reason),
        ("weights", "pass", None),
        ("outputs", "skipped", "the golden does not contain it"),
    ]


def test_with_an_architecture_both_levels_are_checked(model: keras.Model) -> None:
    options = Options(static=True, model=PathText("net.keras"))
    report = compare_source("net.weights.h5", CompareRequest(golden="net"), options)
    assert (report.verdict, report.findings) == ("match", [])
    assert report.levels["structure"].status == "pass"


def test_a_file_without_the_weights_of_its_architecture_is_refused(model: keras.Model) -> None:
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="other")])
    other.save_weights("other.weights.h5")
    options = Options(static=True, model=PathText("net.keras"))
    for refused in (
        lambda: compare_source("other.weights.h5", CompareRequest(golden="net"), options),
        lambda: record_source("other.weights.h5", RecordRequest(), options),
        lambda: hash_weights("other.weights.h5", options),
    ):
        with pytest.raises(FpcheckError) as raised:
            refused()
        assert str(raised.value) == (
            "other.weights.h5: does not fit --model net.keras: it contains no weights of "
            "inner/inner_dense, tower/low, tower/high and 2 more\n"
            "Name the architecture that it was saved from."
        )


def test_the_only_golden_that_it_fits_is_found(model: keras.Model) -> None:
    Path("net.h5").rename("downloaded.h5")
    report = compare_source("downloaded.h5", CompareRequest(levels=("weights",)), STATIC)
    assert (report.verdict, report.golden.name) == ("match", "net")


@pytest.fixture
def both_ways(here: Path) -> keras.Model:
    """A model whose directions are called otherwise than Keras calls them, and its golden `net`."""
    x = keras.Input((3, 4), name="x")
    backward = kl.GRU(2, go_backwards=True, name="aft")
    layer = kl.Bidirectional(kl.GRU(2, name="zeal"), backward_layer=backward, name="both")
    model = MODELS.filled(keras.Model(x, layer(x)))
    model.save("net.keras")
    model.save_weights("net.weights.h5")
    record_source("net.keras", RecordRequest(name="net"), STATIC)
    return model


def nameless(file: h5py.File) -> None:
    """As Keras 2 writes it."""
    file.visititems(lambda _, item: [item.attrs.pop(name) for name in list(item.attrs)] and None)


def turned(file: h5py.File) -> None:
    for number in range(3):
        one, other = (
            file[f"layers/bidirectional/{way}_layer/cell/vars/{number}"]
            for way in ("forward", "backward")
        )
        one[...], other[...] = other[()], one[()]


@pytest.mark.parametrize("named", [True, False])
def test_it_pairs_by_the_places_where_keras_looks(named: bool, both_ways: keras.Model) -> None:
    with h5py.File("net.weights.h5", "r+") as file:
        if not named:
            nameless(file)
        assert compared("net.weights.h5").verdict == "match"
        turned(file)
    assert compared("net.weights.h5").verdict == "mismatch"


def test_layers_of_one_class_in_a_model_inside_are_told_apart_without_names(here: Path) -> None:
    inner = [
        kl.Conv2D(2, 1, name="k1"),
        kl.BatchNormalization(name="b1"),
        kl.Conv2D(2, 1, name="k2"),
        kl.BatchNormalization(name="b2"),
    ]
    base = keras.Sequential([kl.Input((4, 4, 2)), *inner], name="base")
    model = MODELS.filled(keras.Sequential([kl.Input((4, 4, 2)), base, kl.Dense(2, name="head")]))
    model.save("net.keras")
    model.save_weights("net.weights.h5")
    record_source("net.keras", RecordRequest(name="net"), STATIC)
    with h5py.File("net.weights.h5", "r+") as file:
        nameless(file)
    assert compared("net.weights.h5").verdict == "match"


def test_tensors_of_quantised_layers_stand_in_another_order_in_legacy_files(here: Path) -> None:
    layers = [kl.Dense(4, name="one"), kl.Dense(4, name="two")]
    model = MODELS.filled(keras.Sequential([kl.Input((4,)), *layers]))
    model.quantize("int8")
    model.save("net.keras")
    legacy("net.h5", model)
    record_source("net.keras", RecordRequest(name="net"), STATIC)
    report = compared("net.h5")
    assert (report.verdict, report.candidate.content_id) == ("match", report.golden.content_id)


def test_a_model_without_weights_has_files_of_weights_too(here: Path) -> None:
    model = keras.Sequential([kl.Input((4,)), kl.ReLU(name="bend")])
    model.save("net.keras")
    record_source("net.keras", RecordRequest(name="net"), STATIC)
    model.save_weights("net.weights.h5")
    model.save_weights("net.weights.json", max_shard_size=1)
    legacy("net.h5", model)
    for path in ("net.weights.h5", "net.weights.json", "net.h5"):
        assert compared(path).verdict == "match", path


@pytest.mark.parametrize("options", [STATIC, Options(static=True, model=PathText("net.keras"))])
def test_a_tensor_that_a_legacy_file_holds_once_stands_at_both_of_its_layers(
    options: Options, here: Path
) -> None:
    limited = kl.SpectralNormalization(kl.Dense(3, name="dense"), name="limited")
    model = keras.Sequential([kl.Input((4,)), limited, kl.Dense(2, name="head")])
    model.save("net.keras")
    legacy("net.h5", model)
    record_source("net.keras", RecordRequest(name="net"), STATIC)
    report = compare_source("net.h5", CompareRequest(golden="net", levels=("weights",)), options)
    assert (report.verdict, report.findings) == ("match", [])
    assert hash_weights("net.h5", STATIC) == hash_weights("net.keras", STATIC)


@pytest.mark.parametrize("group", ["model/layers", "Layers"])
def test_groups_that_keras_would_not_look_into_are_told(group: str, model: keras.Model) -> None:
    with h5py.File("net.weights.h5") as right, h5py.File("moved.weights.h5", "w") as moved:
        for name in right["layers"]:
            right.copy(f"layers/{name}", moved.require_group(group), name)
    with pytest.raises(ValueError, match="expected"):
        model.load_weights("moved.weights.h5")
    options = Options(static=True, model=PathText("net.keras"))
    report = compare_source("moved.weights.h5", CompareRequest(golden="net"), options)
    assert (report.verdict, report.findings, report.notes) == (
        "match",
        [],
        [
            "every tensor is in the file under its name, but load_weights of Keras looks for "
            "shared, age, kind and 3 more in other groups, so it will refuse the file: save the "
            "weights again from the model that you load them into"
        ],
    )
