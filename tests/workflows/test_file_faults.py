"""What Keras would load from a file is what is compared, whatever its names and types pretend."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers as kl

from fpcheck.errors import FpcheckError
from fpcheck.model.source import Options
from fpcheck.report.report import Report
from fpcheck.workflows.compare import compare_source
from fpcheck.workflows.plan import CompareRequest, RecordRequest
from fpcheck.workflows.record import record_source

STATIC = Options(static=True)
Change = Callable[[Path], None]


def pair(*names: str) -> keras.Model:
    """Two layers of one shape, each with the weights that its name is seeded with."""
    model = keras.Sequential([kl.Input((4,)), *(kl.Dense(4, name=name) for name in names)])
    for layer in model.layers:
        random = np.random.default_rng(len(layer.name) + ord(layer.name[0]))
        layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    return model


def compared(path: str, **options: object) -> Report:
    return compare_source(path, CompareRequest(golden="net"), Options(static=True, **options))  # type: ignore[arg-type]


def recorded(model: keras.Model, path: str = "net.keras") -> None:
    model.save(path)
    record_source(path, RecordRequest(name="net"), STATIC)


def differing(report: Report) -> list[str]:
    return [f.where for f in report.errors]


def swapped_layer_names(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        attributes = file["model_weights"].attrs
        attributes["layer_names"] = list(reversed(attributes["layer_names"]))


def swapped_weight_names(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        attributes = file["model_weights/norm"].attrs
        first, second, *rest = attributes["weight_names"]
        attributes["weight_names"] = [second, first, *rest]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (swapped_layer_names, ["a/kernel", "a/bias", "b/kernel", "b/bias"]),
        (swapped_weight_names, ["norm/gamma", "norm/beta"]),
    ],
)
def test_legacy_files_are_loaded_by_order_so_names_out_of_order_are_faults(
    change: Change, where: list[str], here: Path
) -> None:
    x = keras.Input((4,), name="x")
    y = kl.BatchNormalization(name="norm")(x) if change is swapped_weight_names else x
    model = keras.Model(x, kl.Dense(4, name="b")(kl.Dense(4, name="a")(y)))
    random = np.random.default_rng(1)
    model.set_weights([random.random(w.shape) for w in model.get_weights()])
    recorded(model, "net.h5")
    change(Path("net.h5"))
    assert differing(compared("net.h5")) == where


def test_weights_go_where_keras_puts_them_once_the_architecture_is_named(here: Path) -> None:
    recorded(pair("a", "b"))
    pair("b", "a").save_weights("turned.weights.h5")
    assert compared("turned.weights.h5", model="net.keras").verdict == "mismatch"
    pair("a", "b").save_weights("same.weights.h5")
    assert compared("same.weights.h5", model="net.keras").verdict == "match"


def test_an_extra_layer_is_found_even_where_its_name_is_like_anothers(here: Path) -> None:
    recorded(keras.Sequential([kl.Input((4,)), kl.Dense(4, name="dense_5")]))
    golden = keras.models.load_model("net.keras").get_weights()
    more = keras.Sequential([kl.Input((4,)), *(kl.Dense(4, name=f"dense_{n}") for n in (1, 5))])
    more.set_weights([*golden, *golden])
    more.save_weights("more.weights.h5")
    report = compare_source(
        "more.weights.h5", CompareRequest(golden="net", levels=("weights",)), STATIC
    )
    assert [f.code for f in report.errors] == ["tensor-added", "tensor-added"]


def test_the_vocabulary_that_keras_loads_last_counts(here: Path) -> None:
    vectors = kl.TextVectorization(name="vectors")
    vectors.adapt(["the cat sat"])
    text = keras.Input((), dtype="string", name="text")
    recorded(keras.Model(text, vectors(text)))
    with zipfile.ZipFile("net.keras") as old, zipfile.ZipFile("new.keras", "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            inner = entry.filename.endswith("_lookup_layer/vocabulary.txt")
            new.writestr(entry.filename, data.replace(b"sat", b"ZZZ") if inner else data)
    assert differing(compared("new.keras")) == ["vectors/vocabulary"]


@pytest.mark.parametrize(
    "make",
    [
        lambda last: kl.Normalization(mean=[1.0, 2.0, last], variance=[1.0] * 3, name="state"),
        lambda last: kl.IntegerLookup(vocabulary=[1, 2, int(last)], name="state"),
    ],
    ids=["mean", "vocabulary"],
)
@pytest.mark.parametrize("container", ["h5", "keras"])
def test_state_that_stands_in_the_configuration_is_compared_in_every_container(
    make: Callable[[float], keras.Layer], container: str, here: Path
) -> None:
    def model(last: float) -> keras.Model:
        layer = make(last)
        x = keras.Input((3,), dtype="int64" if "Lookup" in type(layer).__name__ else None)
        return keras.Model(x, layer(x))

    recorded(model(3.0), f"net.{container}")
    model(9.0).save(f"other.{container}")
    report = compared(f"other.{container}")
    assert report.verdict == "mismatch"
    assert {f.layer for f in report.errors} == {"state"}


def test_the_type_that_an_operation_casts_to_is_compared(here: Path) -> None:
    def model(dtype: str) -> keras.Model:
        x = keras.Input((3,), name="x")
        return keras.Model(x, keras.ops.cast(x * 3.0, dtype))

    recorded(model("int32"))
    model("float16").save("other.keras")
    assert compared("other.keras").verdict == "mismatch"


def test_a_number_type_that_is_not_quite_float32_is_refused(here: Path) -> None:
    recorded(pair("a"))
    pair("a").save_weights("odd.weights.h5")
    with h5py.File("odd.weights.h5", "r+") as file:
        values = file["layers/dense/vars/0"][()]
        del file["layers/dense/vars/0"]
        odd = h5py.h5t.IEEE_F32LE.copy()
        odd.set_fields(31, 23, 8, 0, 10)
        space = h5py.h5s.create_simple(values.shape)
        h5py.h5d.create(file["layers/dense/vars"].id, b"0", odd, space)
        file["layers/dense/vars/0"].id.write(space, space, values, mtype=odd)
    with pytest.raises(FpcheckError, match="refused: layers/dense/vars/0 contains values"):
        compared("odd.weights.h5")


def test_layers_inside_a_renamed_custom_layer_keep_their_places(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import models

    def model(name: str, turned: bool = False) -> keras.Model:
        x = keras.Input((4,), name="x")
        built = keras.Model(x, models.Scaled(name=name)(x))
        values = [
            np.random.default_rng(n).normal(size=w.shape) for n, w in enumerate(built.get_weights())
        ]
        built.set_weights(values[2:] + values[:2] if turned else values)
        return built

    recorded(model("scaled"))
    model("renamed").save("same.keras")
    model("renamed", turned=True).save("turned.keras")
    assert compared("same.keras").verdict == "match"
    assert compared("turned.keras").verdict == "mismatch"


def test_a_shard_counts_only_for_what_its_index_says(here: Path) -> None:
    model = pair("a", "b")
    recorded(model)
    model.save_weights("net.weights.json", max_shard_size=1e-7)
    index = json.loads(Path("net.weights.json").read_text())
    shards = sorted(
        {
            name
            for names in index["weight_map"].values()
            for name in ([names] if isinstance(names, str) else names)
        }
    )
    shutil.copy(shards[0], shards[1])
    with pytest.raises(FpcheckError, match="its weight_map"):
        compared("net.weights.json")


@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16"])
def test_a_policy_of_the_process_is_no_difference(policy: str, here: Path) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        x = keras.Input((4,), name="x")
        model = keras.Model(x, kl.Dense(2, name="head")(x))
        request = RecordRequest(name="net", levels=("structure", "weights"))
        record_source(model, request, Options())
        model.save("net.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    assert compared("net.keras").verdict == "match"


def rewritten(source: str, target: str, change: Callable[[h5py.File], None]) -> None:
    """A copy of a file with its tensors changed, in whichever container they lie."""
    if not source.endswith(".keras"):
        shutil.copy(source, target)
        with h5py.File(target, "r+") as file:
            change(file)
        return
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "model.weights.h5":
                Path("inner.h5").write_bytes(data)
                with h5py.File("inner.h5", "r+") as file:
                    change(file)
                data = Path("inner.h5").read_bytes()
            new.writestr(entry.filename, data)


def attentive() -> keras.Model:
    x = keras.Input((5, 4), name="x")
    return keras.Model(x, kl.MultiHeadAttention(2, 3, name="many")(x, x))


def made_private(file: h5py.File) -> None:
    """Projections as Keras 2 calls them."""
    for name in ("query", "key", "value", "output"):
        home = file["layers/multi_head_attention"]
        home.move(f"{name}_dense", f"_{name}_dense")


def made_private_and_changed(file: h5py.File) -> None:
    made_private(file)
    file["layers/multi_head_attention/_key_dense/vars/0"][...] = 0.0


@pytest.mark.parametrize("container", ["keras", "weights.h5"])
def test_projections_of_attention_are_read_under_their_private_names(
    container: str, here: Path
) -> None:
    model = attentive()
    recorded(model)
    model.save_weights("net.weights.h5")
    rewritten(f"net.{container}", f"same.{container}", made_private)
    rewritten(f"net.{container}", f"other.{container}", made_private_and_changed)
    request = CompareRequest(golden="net", levels=("weights",))
    assert compare_source(f"same.{container}", request, STATIC).verdict == "match"
    report = compare_source(f"other.{container}", request, STATIC)
    assert differing(report) == ["many/key/kernel"]


def test_a_tensor_in_the_group_of_a_layer_is_compared_wherever_it_lies(here: Path) -> None:
    def more(file: h5py.File) -> None:
        file["layers/multi_head_attention/extra/vars/0"] = np.ones(3, "f4")

    recorded(attentive())
    rewritten("net.keras", "other.keras", more)
    assert differing(compared("other.keras")) == ["many/extra", "many/extra/#0"]


STRAYS = {
    "keras": "layers/other/vars/0",
    "h5": "model_weights/other/kernel",
}


@pytest.mark.parametrize("container", STRAYS)
def test_a_tensor_of_no_layer_is_said_not_to_be_compared(container: str, here: Path) -> None:
    def more(file: h5py.File) -> None:
        file[STRAYS[container]] = np.ones(3, "f4")

    recorded(attentive(), f"net.{container}")
    rewritten(f"net.{container}", f"other.{container}", more)
    report = compared(f"other.{container}")
    assert report.verdict == "match"  # Keras would not load it
    assert report.notes == [f"not compared: a tensor of no layer ({STRAYS[container]})"]


def test_state_of_training_is_no_tensor_of_the_model(here: Path) -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, kl.Dense(3, name="d")(kl.Dropout(0.1, name="drop")(x)))
    model.compile("adam", "mse", metrics=["mae", keras.metrics.AUC()])
    model.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    recorded(model)
    for container in ("keras", "h5"):
        model.save(f"net.{container}")
        assert (compared(f"net.{container}").errors, compared(f"net.{container}").notes) == ([], [])


@keras.saving.register_keras_serializable("tests")
class Gained(kl.Dense):
    """Adds a weight that Keras does not save, since Dense lists what it saves."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build(input_shape)
        self.gain = self.add_weight(shape=(2,), name="gain")


def test_only_the_weight_that_keras_does_not_save_is_missing(here: Path) -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, Gained(2, name="head")(x))
    request = RecordRequest(name="net", levels=("structure", "weights"))
    record_source(model, request, Options())
    model.save("net.keras")
    assert {f.where for f in compared("net.keras").errors} == {"head/gain"}
