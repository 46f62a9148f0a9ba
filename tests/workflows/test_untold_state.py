"""What decides outputs and is easy to leave out is compared, or is said not to have been."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from models import keras, kl

import fpcheck
from fpcheck.report.report import Report

Build = Callable[[], keras.Model]


def seeded() -> None:
    keras.utils.set_random_seed(1)


def scaled(mean: float = 3.0, axis: int | None = None) -> keras.Model:
    seeded()
    x = keras.Input((6,), name="x")
    y = kl.Normalization(axis=axis, mean=mean, variance=2.0, name="norm")(x)
    return keras.Model(x, kl.Dense(3, name="head")(y))


def keyed(outputs: str = "ab", inputs: str = "ab") -> keras.Model:
    seeded()
    xs = [keras.Input((3,), name=f"x{n}") for n in range(2)]
    ys = [kl.Dense(2, name=f"d{n}")(x) for n, x in enumerate(xs)]
    return keras.Model(dict(zip(inputs, xs, strict=True)), dict(zip(outputs, ys, strict=True)))


def mapped(*names: str) -> keras.Model:
    """Three layers under one map of policies, which gives those of some names another."""
    seeded()
    policies = keras.dtype_policies.DTypePolicyMap(default_policy="float32")
    for name in names:
        policies[name] = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    y = x = keras.Input((3,), name="x")
    for name in ("d1", "d2", "d3"):
        y = kl.Dense(3, name=name, dtype=policies)(y)
    return keras.Model(x, y)


def optional(is_optional: bool = False) -> keras.Model:
    seeded()
    x = keras.Input((3,), name="x", optional=is_optional)
    return keras.Model(x, kl.Dense(2, name="d")(x))


def of_many_kinds(scale: float = 1.0) -> keras.Model:
    """One layer of which files do not tell all must not hide the state of another."""
    seeded()
    text, x = keras.Input((), dtype="string", name="text"), keras.Input((3,), name="x")
    words = kl.TextVectorization(vocabulary=["a", "b"], output_sequence_length=2, name="words")
    norm, given = kl.Normalization(name="norm"), kl.Normalization(mean=1.0, variance=2.0, name="n1")
    norm.adapt(scale * np.arange(12, dtype=np.float32).reshape(4, 3))
    y = kl.Flatten(name="flat")(kl.Embedding(6, 2, name="embedding")(words(text)))
    joined = kl.Concatenate(name="all")([y, norm(x), given(x)])
    return keras.Model([text, x], kl.Dense(2, name="head")(joined))


def tempered(temperature: float = 2.0) -> keras.Model:
    seeded()
    x = keras.Input((3,), name="x")
    model = keras.Model(x, kl.Dense(2, name="d")(x))
    model.temperature = keras.Variable(temperature, name="temperature")
    return model


@keras.saving.register_keras_serializable("tests")
class Encoder(keras.Model):
    """A model of custom class that hands its policy on, as those of KerasHub do."""

    def __init__(self, width: int = 2, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.inner = kl.Dense(width, name="inner", dtype=self.dtype_policy)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return self.inner(x)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "width": self.width}


def encoder(dtype: str = "float32") -> keras.Model:
    seeded()
    model = Encoder(dtype=dtype, name="encoder")
    model(np.zeros((1, 3), np.float32))
    return model


CHANGES: dict[str, tuple[Build, Build, list[tuple[str | None, str]]]] = {
    "a number given as the mean": (scaled, lambda: scaled(5.0), [("norm", "config-changed")]),
    "the same, along an axis": (
        lambda: scaled(axis=-1),
        lambda: scaled(5.0, axis=-1),
        [("norm", "config-changed")],
    ),
    "keys of outputs": (keyed, lambda: keyed(outputs="bc"), [(None, "output-changed")]),
    "keys of inputs": (keyed, lambda: keyed(inputs="bc"), [(None, "input-changed")]),
    "a map of policies": (
        lambda: mapped("d1"),
        lambda: mapped("d2"),
        [("d1", "dtype-changed"), ("d2", "dtype-changed")],
    ),
    "an input that became optional": (optional, lambda: optional(True), [("x", "config-changed")]),
    "statistics beside untold state": (
        of_many_kinds,
        lambda: of_many_kinds(3.0),
        [("norm", "tensor-changed")] * 4,
    ),
    "a variable of the model's own": (
        tempered,
        lambda: tempered(3.0),
        [("(model)", "tensor-changed")],
    ),
    "the policy of a custom class": (
        encoder,
        lambda: encoder("mixed_float16"),
        [("(model)", "dtype-changed")],
    ),
}
# Keras writes no configuration of subclassed models, and no variable of a model's own, into these.
ONLY_KERAS = {"a variable of the model's own", "the policy of a custom class"}
IN_FILES = [(name, ".keras") for name in CHANGES]
IN_FILES += [(name, ".h5") for name in CHANGES if name not in ONLY_KERAS]


@pytest.mark.parametrize(("name", "suffix"), IN_FILES)
def test_a_change_is_found_without_running_the_model(name: str, suffix: str, here: Path) -> None:
    good, changed, expected = CHANGES[name]
    good().save(f"good{suffix}")
    changed().save(f"changed{suffix}")
    fpcheck.record(f"good{suffix}", "net", static=True)
    assert static(f"good{suffix}").verdict == "match"
    report = static(f"changed{suffix}")
    assert report.verdict == "mismatch"
    assert [(finding.layer, finding.code) for finding in report.errors] == expected


def static(path: str) -> Report:
    return fpcheck.compare(path, "net", static=True)


@pytest.mark.parametrize("name", ["keys of outputs", "a map of policies"])
def test_a_change_is_found_in_a_model_in_memory(name: str, here: Path) -> None:
    good, changed, expected = CHANGES[name]
    fpcheck.record(good(), "net", levels=["structure", "weights"])
    report = fpcheck.compare(changed(), "net")
    assert [(finding.layer, finding.code) for finding in report.errors] == expected


def test_state_in_use_is_a_difference_that_is_named(here: Path) -> None:
    def stream() -> keras.Model:
        seeded()
        x = keras.Input(batch_shape=(2, 5, 3), name="x")
        return keras.Model(x, kl.LSTM(4, stateful=True, name="lstm")(x))

    fpcheck.record(stream(), "stream")
    used = stream()
    assert fpcheck.compare(used, "stream").verdict == "match"
    used.predict(np.ones((2, 5, 3), np.float32), verbose=0)
    report = fpcheck.compare(used, "stream")
    assert report.verdict == "mismatch"
    assert ("lstm", "carried_state_0") in [(f.layer, f.tensor) for f in report.errors]
    assert [(d.code, d.layers) for d in report.diagnoses] == [("derived-state-stale", ["lstm"])]
    assert report.diagnoses[0].advice.startswith("Call reset_state() on these layers")


@keras.saving.register_keras_serializable("tests")
class Tokens(kl.Layer):
    """Saves its words beside the weights, as tokenizers do."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.words = "the cat"

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def save_assets(self, folder: str) -> None:
        (Path(folder) / "words.txt").write_text(self.words)

    def load_assets(self, folder: str) -> None:
        self.words = (Path(folder) / "words.txt").read_text()


def worded(words: str = "the cat") -> keras.Model:
    seeded()
    x = keras.Input((3,), name="x")
    model = keras.Model(x, kl.Dense(2, name="d")(Tokens(name="tokens")(x)))
    model.get_layer("tokens").words = words
    return model


def test_files_that_a_custom_class_saves_are_compared(here: Path) -> None:
    fpcheck.record(worded(), "net", levels=["structure", "weights"])
    worded().save("good.keras")
    worded("cat the").save("changed.keras")
    assert static("good.keras").verdict == "match"
    (diagnosis,) = static("changed.keras").diagnoses
    assert (diagnosis.code, diagnosis.summary) == (
        "vocabulary-changed",
        "Files saved with the model differ from the golden's: assets/layers/tokens/words.txt.",
    )


def test_a_container_without_these_files_is_no_match(here: Path) -> None:
    fpcheck.record(worded(), "net", levels=["structure", "weights"])
    worded().save("good.h5")
    report = static("good.h5")
    assert report.verdict == "incomplete"
    assert report.levels["weights"].reason == (
        "the file does not contain (model)/assets/layers/tokens/words.txt"
    )


def tags(vocabulary: object, **options: object) -> keras.Model:
    seeded()
    x = keras.Input((4,), dtype="string", name="words")
    y = kl.StringLookup(vocabulary=vocabulary, name="lookup")(x)
    y = kl.GlobalAveragePooling1D(name="pool")(kl.Embedding(7, 8, name="embedding")(y))
    return keras.Model(x, kl.Dense(3, name="head")(y), name="tags")


WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot"]


def test_a_vocabulary_that_the_file_does_not_hold_is_no_match(here: Path) -> None:
    Path("words.txt").write_text("\n".join(WORDS))
    model = tags("words.txt")
    model.save("tags.keras")
    model.save("tags.h5")  # Keras writes neither the words nor where they are
    fpcheck.record("tags.keras", "net")
    report = static("tags.h5")
    assert report.verdict == "incomplete"
    assert report.levels["weights"].reason == "the file does not contain lookup/vocabulary"
    assert report.levels["outputs"].reason == (
        "static=True; not proved: the vocabulary of lookup was not compared: a file does not "
        "contain it"
    )


def naming(words: Path) -> None:
    """A file as Keras 3.10 wrote it: it names the file of its words, and does not hold them."""
    import json
    import zipfile

    tags(WORDS).save("held.keras")
    with zipfile.ZipFile("held.keras") as held, zipfile.ZipFile("named.keras", "w") as named:
        for name in held.namelist():
            data = held.read(name)
            if name == "config.json":
                config = json.loads(data)
                for layer in config["config"]["layers"]:
                    if layer["class_name"] == "StringLookup":
                        layer["config"]["vocabulary"] = str(words)
                data = json.dumps(config).encode()
            if not name.startswith("assets"):
                named.writestr(name, data)


def test_words_outside_the_model_file_are_read_where_that_is_trusted(here: Path) -> None:
    words = here / "words.txt"
    words.write_text("\n".join(WORDS) + "\n")
    naming(words)
    fpcheck.record("named.keras", "net", trust=True)
    assert fpcheck.compare("named.keras", "net", trust=True).verdict == "match"
    report = static("named.keras")
    assert report.verdict == "incomplete"
    assert report.levels["weights"].reason == (
        f"the file does not contain lookup/vocabulary, which is stored in {words}"
    )
    words.write_text("\n".join([*WORDS[3:], *WORDS[:3]]) + "\n")
    changed = fpcheck.compare("named.keras", "net", trust=True)
    assert [d.code for d in changed.diagnoses] == ["vocabulary-changed"]
    assert {f.where for f in changed.errors} == {"lookup/vocabulary", "head/logits"}


def test_imaginary_parts_of_outputs_are_compared(here: Path) -> None:
    def waves(flipped: bool) -> keras.Model:
        x = keras.Input((8,), name="x")
        real, imaginary = keras.ops.rfft(x)
        sign = -1.0 if flipped else 1.0
        return keras.Model(x, Complex(name="complex", sign=sign)([real, imaginary]))

    fpcheck.record(waves(False), "net", levels=["outputs"])
    report = fpcheck.compare(waves(True), "net", levels=["outputs"])
    assert (report.verdict, report.levels["outputs"].status) == ("mismatch", "fail")


class Complex(kl.Layer):
    """Joins two parts to complex numbers."""

    def __init__(self, sign: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._sign = sign

    def call(self, parts: list[keras.KerasTensor]) -> object:
        import tensorflow

        return tensorflow.complex(parts[0], self._sign * parts[1])

    def compute_output_spec(self, parts: list[keras.KerasTensor]) -> keras.KerasTensor:
        return keras.KerasTensor(parts[0].shape, "complex64")


def test_a_file_of_equal_bytes_is_no_match_where_bytes_do_not_tell_all(here: Path) -> None:
    Path("words.txt").write_text("\n".join(WORDS))
    tags("words.txt").save("tags.h5")
    fpcheck.record("tags.h5", "net", static=True)
    assert static("tags.h5").verdict == "incomplete"


@pytest.mark.parametrize("container", ["memory", ".keras", ".h5"])
def test_an_axis_of_the_output_is_counted_in_the_output(container: str, here: Path) -> None:
    def expanded(axis: int) -> keras.Model:
        seeded()
        x = keras.Input((4, 4), name="x")
        y = keras.ops.expand_dims(kl.Dense(4, name="d")(x), axis)
        return keras.Model(x, kl.Reshape((16,), name="flat")(y))

    def source(model: keras.Model, name: str) -> object:
        if container == "memory":
            return model
        model.save(f"{name}{container}")
        return f"{name}{container}"

    fpcheck.record(source(expanded(-1), "good"), "net", levels=["structure", "weights"])
    assert fpcheck.compare(source(expanded(3), "same"), "net").verdict == "match"
    report = fpcheck.compare(source(expanded(2), "other"), "net")
    assert "axis" in [finding.metric for finding in report.errors]


def test_a_layer_told_not_to_cast_its_inputs_differs(here: Path) -> None:
    def cast(autocast: bool) -> keras.Model:
        seeded()
        x = keras.Input((3,), name="x")
        y = kl.Dense(3, name="d", dtype="mixed_bfloat16")(x)
        return keras.Model(x, kl.Activation("relu", name="a", autocast=autocast)(y))

    fpcheck.record(cast(True), "net", levels=["structure", "weights"])
    report = fpcheck.compare(cast(False), "net")
    assert [(f.layer, f.code, f.metric) for f in report.errors] == [
        ("a", "config-changed", "autocast")
    ]


@keras.saving.register_keras_serializable("tests")
class Beside(keras.Model):
    """Calls a layer that stands beside its graph."""

    # Keras writes the graph of a class whose constructor is that of a Functional.
    def __init__(
        self, inputs: object, outputs: object, name: str | None = None, **kwargs: object
    ) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)
        self.after = kl.Dense(2, name="after")

    def call(self, x: keras.KerasTensor, **kwargs: object) -> keras.KerasTensor:
        return self.after(super().call(x))


def test_layers_beside_the_graph_of_a_custom_class_are_compared(here: Path) -> None:
    def beside(scale: float) -> keras.Model:
        seeded()
        x = keras.Input((3,), name="x")
        model = Beside(x, kl.Dense(2, name="d")(x), name="beside")
        model(np.zeros((1, 3), np.float32))
        model.after.kernel.assign(scale * model.after.kernel)
        return model

    beside(1.0).save("good.keras")
    beside(2.0).save("changed.keras")
    for golden in (beside(1.0), "good.keras"):
        fpcheck.record(golden, "net", levels=["structure", "weights"])
        assert static("good.keras").verdict == "match"
        report = static("changed.keras")
        assert {finding.layer for finding in report.errors} == {"after"}


def test_the_rounding_of_bfloat16_is_no_randomness(here: Path) -> None:
    mapped("d1").save("net.keras")
    assert fpcheck.record("net.keras").stored
    assert fpcheck.compare("net.keras", full=True).verdict == "match"


def lookup(words: list[str]) -> keras.Model:
    """A model with state and without a tensor that a weight file stores."""
    x = keras.Input((4,), dtype="string", name="words")
    return keras.Model(x, kl.StringLookup(vocabulary=words, name="lookup")(x), name="net")


def test_state_of_a_model_without_tensors_is_taken_from_the_live_model(here: Path) -> None:
    lookup(WORDS).save("good.keras")
    lookup(WORDS[:2]).save("good.h5")
    levels = ["structure", "weights"]
    fpcheck.record("good.keras", "net", levels=levels)
    assert fpcheck.compare("good.keras", "net", levels=levels).verdict == "match"
    report = fpcheck.compare("good.h5", "net", levels=levels)
    assert (report.verdict, report.levels["weights"].status) == ("mismatch", "fail")


def test_a_model_without_tensors_records_every_level(here: Path) -> None:
    keras.Sequential([keras.Input((2,)), kl.Rescaling(0.5)]).save("net.keras")
    golden = fpcheck.record("net.keras").golden
    assert golden.fingerprint.levels == ("structure", "weights", "outputs")
    assert fpcheck.compare("net.keras").verdict == "match"
