"""Probes: bytes that no library version can change, fitting the input, without symmetry."""

from itertools import permutations

import numpy as np
import pytest
from builders import layer, network
from msgspec.structs import replace

from fpcheck.codec import Array
from fpcheck.errors import UnavailableError
from fpcheck.fingerprint import digest, probes
from fpcheck.fingerprint.probe_values import UNKNOWN_WORDS, ProbeInput
from fpcheck.fingerprint.probes import Probes
from fpcheck.fingerprint.structure import Edge, Layer, Port, Structure


def reading(shape: tuple[int | None, ...], dtype: str, *readers: Layer) -> Structure:
    """A model with one input `x`, read by the given layers."""
    net = network(layer("x", "InputLayer"), *readers, layer("y", "Dense", "x"), shape=shape)
    return replace(net, inputs=(Port("x", shape, dtype, Edge("x")),))


def fitted(shape: tuple[int | None, ...], dtype: str, *readers: Layer) -> ProbeInput:
    return probes.fit(reading(shape, dtype, *readers)).inputs[0]


def made(spec: ProbeInput, count: int = 4) -> Array:
    return Probes((spec,), count).make()[0]


IMAGE = ProbeInput("x", "image", (16, 12, 3), "float32", 255)
TOKENS = ProbeInput("x", "tokens", (16,), "int32", 50, padded=True)
TEXT = ProbeInput("x", "text", (1,), "string", 5, words=("cat", "dog", "fpcheck"))
VALUES = ProbeInput("x", "values", (3, 4), "float32", 1)
SWITCH = ProbeInput("x", "switch", (9,), "bool", 1)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (IMAGE, "2d3bcd320214a6b8e44cad3d88360848e8dd07441bc497fbcf29f6cd312143cd"),
        (TOKENS, "1f618cbaa94137bf4d99c56ec4de8cfafcf9df030039267c2ee2d2b108f0cea7"),
        (TEXT, "678e75c0ec5f0e094c87fc15e583510d330019d4d6412b29b9c71cb7b5ecf7a8"),
        (VALUES, "a0689c0fbe312a8e2b58dfcac5fc5e519f20ab6cd54c4e4a6f40d84119b46e15"),
        (SWITCH, "ca2b7861619ab2b194e8bc09e294dab653de5c95970333940626eab5ecd7e4f9"),
    ],
    ids=lambda value: value.kind if isinstance(value, ProbeInput) else "",
)
def test_a_recipe_gives_these_bytes_for_ever(spec: ProbeInput, wanted: str) -> None:
    array = made(spec)
    assert array.shape == (4, *spec.shape)
    assert digest.text(digest.of_array(array, str(array.dtype))) == f"b3:{wanted}"


@pytest.mark.parametrize(
    "size",
    [(8, 8), (16, 16), (32, 32), (28, 28), (5, 7), (128, 128), (224, 224)],
    ids=str,
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_flip_rotation_or_exchange_of_colours_changes_an_image(
    size: tuple[int, int], channels: int
) -> None:
    for image in made(replace(IMAGE, shape=(*size, channels))):
        turned = [np.rot90(image, n) for n in range(4)]
        moved = [*turned[1:], *(t.swapaxes(0, 1) for t in turned)]
        moved += [np.roll(image, 1, axis) for axis in (0, 1)]
        moved += [image[..., list(order)] for order in permutations(range(channels))][1:]
        assert not any(np.array_equal(image, other) for other in moved)
        assert len({image[..., c].tobytes() for c in range(channels)}) == channels


def test_images_differ_much_from_their_mirror_images() -> None:
    for image in made(replace(IMAGE, shape=(64, 64, 3))).astype(float):
        for other in (image[::-1], image[:, ::-1], image.swapaxes(0, 1), image[..., ::-1]):
            assert np.linalg.norm(image - other) > 0.1 * np.linalg.norm(image)


def test_images_are_bytes_that_use_their_range() -> None:
    images = made(replace(IMAGE, shape=(64, 64, 3)))
    assert images.dtype == np.uint8
    assert images.min() < 50
    assert images.max() > 200
    assert len({image.tobytes() for image in images}) == 4


@pytest.mark.parametrize("limit", [1, 2, 3, 50, 30_000, 2**31 - 1])
@pytest.mark.parametrize("shape", [(), (1,), (16,), (7, 5)], ids=str)
def test_tokens_lie_inside_the_vocabulary(limit: int, shape: tuple[int, ...]) -> None:
    ids = made(ProbeInput("x", "tokens", shape, "int64", limit), 16)
    assert (ids.shape, ids.dtype) == ((16, *shape), np.dtype(np.int64))
    assert ids.min() >= (1 if limit > 1 else 0)
    assert ids.max() < limit


@pytest.mark.parametrize("spec", [TOKENS, replace(VALUES, padded=True)], ids=["tokens", "values"])
def test_every_second_probe_is_padded(spec: ProbeInput) -> None:
    array, kept = made(spec), spec.shape[0] * 2 // 3
    assert (array[1::2, kept:] == 0).all()
    assert (array[:, :kept] != 0).all()
    assert (array[::2] != 0).all()


def test_a_single_token_has_no_time_to_pad() -> None:
    array = made(ProbeInput("x", "tokens", (), "int32", 10, padded=True))
    assert array.shape == (4,)
    assert (array > 0).all()


def test_values_are_about_normal() -> None:
    values = made(replace(VALUES, shape=(10_000,)))
    assert values.dtype == np.float32
    assert (values.mean(), values.std()) == (pytest.approx(0, abs=0.02), pytest.approx(1, abs=0.02))


def test_inputs_of_one_model_get_different_probes() -> None:
    first, second = Probes((VALUES, replace(VALUES, name="z"))).make()
    assert not np.array_equal(first, second)


def test_more_probes_leave_the_first_ones_as_they_are() -> None:
    assert np.array_equal(made(IMAGE, 6)[:4], made(IMAGE, 4))


WORDS = ("cat", "dog")
EMBEDDING = layer("e", "Embedding", "x", input_dim=30)
MASKED = layer("e", "Embedding", "x", input_dim=30, mask_zero=True)
SMALLER = layer("f", "Embedding", "x", input_dim=20)
TIED = layer("t", "ReversibleEmbedding", "x", input_dim=40)
CATEGORY = layer("c", "CategoryEncoding", "x", num_tokens=7)
DROPOUT = layer("d", "Dropout", "x")
BEHIND = layer("e", "Embedding", "d", input_dim=30)
ELSEWHERE = layer("e", "Embedding", "other", input_dim=30)
RESCALING = layer("r", "Rescaling", "x", scale=1 / 255)


@pytest.mark.parametrize(
    ("shape", "dtype", "readers", "kind", "sizes", "limit", "padded"),
    [
        ((None, 32, 32, 3), "float32", (), "image", (32, 32, 3), 1, False),
        ((None, 32, 32, 3), "uint8", (), "image", (32, 32, 3), 255, False),
        ((None, 28, 28, 1), "float32", (RESCALING,), "image", (28, 28, 1), 255, False),
        ((None, None, None, 3), "float32", (), "image", (128, 128, 3), 1, False),
        ((None, None, None, None), "float32", (), "image", (128, 128, 3), 1, False),
        ((None, 3, 32, 32), "float32", (), "values", (3, 32, 32), 1, False),
        ((None, 20, 6), "float32", (), "values", (20, 6), 1, False),
        ((None, None, 6), "float32", (), "values", (16, 6), 1, False),
        ((None, None, 6), "float32", (layer("m", "Masking", "x"),), "values", (16, 6), 1, True),
        ((None, None), "int32", (EMBEDDING,), "tokens", (16,), 30, False),
        ((None, 9), "int32", (TIED,), "tokens", (9,), 40, False),
        ((None, 9), "float32", (MASKED,), "tokens", (9,), 30, True),
        ((None, 9), "int32", (MASKED, SMALLER), "tokens", (9,), 20, True),
        ((None, 9), "int32", (DROPOUT, BEHIND), "tokens", (9,), 30, False),
        ((None, 9), "float32", (ELSEWHERE,), "values", (9,), 1, False),
        ((None, 1), "int64", (CATEGORY,), "tokens", (1,), 7, False),
        ((None, 5), "int32", (), "tokens", (5,), 10, False),
        ((None, 4), "bool", (), "switch", (4,), 1, False),
        ((None, 1), "string", (), "text", (1,), 1, False),
        ((None, 1), "string", (layer("t", "TextVectorization", "x"),), "text", (1,), 5, False),
        ((None,), "float32", (), "values", (), 1, False),
    ],
)
def test_probes_fit_the_layers_that_read_them(
    shape: tuple[int | None, ...],
    dtype: str,
    readers: tuple[Layer, ...],
    kind: str,
    sizes: tuple[int, ...],
    limit: int,
    padded: bool,
) -> None:
    spec = fitted(shape, dtype, *readers)
    found = (spec.name, spec.kind, spec.shape, spec.dtype, spec.limit, spec.padded)
    assert found == ("x", kind, sizes, dtype, limit, padded)
    assert made(spec).shape == (4, *sizes)


def test_an_embedding_inside_a_nested_model_is_found() -> None:
    body = layer("body", "Functional", "x", inputs=[["body/in", 0, 0]], outputs=[])
    inner = layer("body/e", "Embedding", "body/in", input_dim=12)
    assert fitted((None, 9), "int32", body, inner).limit == 12


def test_text_contains_the_words_of_the_model_and_unknown_words() -> None:
    net = reading((None, 1), "string", layer("t", "TextVectorization", "x"))
    plan = probes.fit(net, 50, WORDS)
    lines = plan.make()[0].ravel().tolist()
    assert all(len(line.split()) == probes.SENTENCE_WORDS for line in lines)
    assert {word for line in lines for word in line.split()} == {*WORDS, *UNKNOWN_WORDS}


def test_a_model_without_known_inputs_gets_no_probes() -> None:
    with pytest.raises(UnavailableError) as caught:
        probes.fit(Structure("Subclassed", (), (), ()))
    assert str(caught.value) == (
        "the model does not say what inputs it takes, so no probes can be made for it\n"
        "Give them with --probes FILE.npz, or leave outputs out with --levels."
    )


def ports(*names: str) -> Structure:
    inputs = tuple(Port(name, (None, 3), "float32", Edge(name)) for name in names)
    return Structure("Functional", inputs, inputs[:1], ())


ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_given_probes_are_used_as_they_are() -> None:
    pictures = np.zeros((2, 8, 8, 3), np.uint8)
    plan = probes.given({"b": ARRAY, "a": pictures}, ports("a", "b"))
    assert [spec.kind for spec in plan.inputs] == ["image", "values"]
    assert [spec.shape for spec in plan.inputs] == [(8, 8, 3), (3,)]
    assert (plan.count, plan.recipe, plan.images) == (2, "given", [0])
    assert plan.make()[0] is pictures
    assert plan.make()[1] is ARRAY


def test_given_probes_without_names_are_used_in_order() -> None:
    plan = probes.given({"arr_0": ARRAY, "arr_1": ARRAY + 1}, ports("a", "b"))
    assert plan.make()[1].tolist() == (ARRAY + 1).tolist()
    assert [spec.name for spec in plan.inputs] == ["a", "b"]


@pytest.mark.parametrize(
    "names", [["a"], ["a", "b", "c"], ["b", "x"]], ids=["too few", "too many", "another's name"]
)
def test_given_probes_that_do_not_fit_are_refused(names: list[str]) -> None:
    with pytest.raises(UnavailableError) as caught:
        probes.given(dict.fromkeys(names, ARRAY), ports("a", "b"))
    assert str(caught.value) == (
        f"the probes contain {names}, the model takes ['a', 'b']\n"
        "Name each array of the .npz file like an input of the model."
    )
