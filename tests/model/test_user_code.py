"""Errors of the user's own code name the exception, the file and the line."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from fpcheck.errors import FpcheckError, UnavailableError
from fpcheck.model import loader
from fpcheck.model.execution import run
from fpcheck.model.preprocessing import applied
from fpcheck.model.source import Options, parse
from fpcheck.model.user_code import raised

CODE = """
import keras
import numpy as np
def build():
    raise KeyError("no such variant")
def leaves():
    raise SystemExit(4)
def missing():
    return keras.saving.load_model("missing.keras")
def takes(a):
    return a
def hidden():
    try:
        {}["a"]
    except KeyError:
        raise ValueError("no such colour")
def prepare(images):
    return np.reshape(images, (7, 13))
class Picky(keras.layers.Layer):
    def __init__(self, depth=1, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth
    def call(self, x):
        if self.depth == 7:
            raise RuntimeError("depth 7")
        return x
    def get_config(self):
        return {**super().get_config(), "depth": self.depth}
    @classmethod
    def from_config(cls, config):
        if config["depth"] == 3:
            raise TypeError("depth 3 is not supported")
        return cls(**config)
"""
MORE = "; --debug shows more."


@pytest.fixture
def code(here: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's, `theirs_N`, in the working folder."""
    name = f"theirs_{here.name}"
    (here / f"{name}.py").write_text(CODE)
    monkeypatch.syspath_prepend(here)
    return name


def line(text: str) -> int:
    return next(n for n, row in enumerate(CODE.splitlines(), 1) if text in row)


def refused(action: Callable[[], object]) -> FpcheckError:
    with pytest.raises(FpcheckError) as caught:
        action()
    return caught.value


@pytest.mark.parametrize(
    ("function", "told", "place"),
    [
        ("build", "KeyError: no such variant", "no such variant"),
        ("hidden", "ValueError: no such colour", "no such colour"),
        ("leaves", "SystemExit: 4", "SystemExit(4)"),
        (
            "missing",
            "ValueError: File not found: filepath=missing.keras. Please ensure the file is "
            "an accessible `.keras` zip file",
            "load_model",
        ),
    ],
)
def test_a_function_that_raises_is_told_as_code(
    function: str, told: str, place: str, code: str
) -> None:
    error = refused(lambda: loader.load(parse(f"{code}:{function}"), Options()))
    assert error.fact == f"{code}:{function} raised {told} ({code}.py, line {line(place)})"
    assert error.advice == f"Correct the code there{MORE}"


def test_a_function_that_wants_arguments_is_told_as_such(code: str) -> None:
    error = refused(lambda: loader.load(parse(f"{code}:takes"), Options()))
    assert str(error) == (
        f"{code}:takes raised TypeError: takes() missing 1 required positional argument: 'a'\n"
        "Name a function without arguments that returns the model."
    )


MODULES = [
    ("import nosuchthing", "ModuleNotFoundError: No module named 'nosuchthing'", 1),
    ("x = 1\ny = = 2", "SyntaxError: invalid syntax", 2),
    ("import sys\nsys.exit(2)", "SystemExit: 2", 2),
    ("import math\n\n\nmath.sqrt(-1)", "ValueError: math domain error", 4),
    (
        "import json\n\njson.loads('')",
        "JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        3,
    ),
]


@pytest.mark.parametrize(("text", "told", "place"), MODULES, ids=[told for _, told, _ in MODULES])
def test_a_module_that_cannot_be_imported_is_told_as_code(
    text: str, told: str, place: int, code: str, here: Path
) -> None:
    (here / f"{code}_bad.py").write_text(text)
    where = f"{told} ({code}_bad.py, line {place})"
    error = refused(lambda: loader.load(parse(f"{code}_bad:build"), Options()))
    assert error.fact == f"{code}_bad:build: importing {code}_bad raised {where}"
    error = refused(lambda: loader.custom_objects(f"{code}_bad"))
    assert error.fact == f"--custom-objects {code}_bad: importing {code}_bad raised {where}"
    error = refused(lambda: applied(f"{code}_bad:prepare", np.zeros((1, 2, 2, 3), np.uint8)))
    assert error.fact == f"--preprocess {code}_bad:prepare: importing {code}_bad raised {where}"


def test_a_module_that_there_is_not_is_no_code(here: Path) -> None:
    error = refused(lambda: loader.load(parse("nosuchmodule:build"), Options()))
    assert str(error) == (
        "nosuchmodule:build: cannot import nosuchmodule: No module named 'nosuchmodule'\n"
        "Run from the folder that contains it, or install it."
    )


def test_preprocessing_that_raises_is_told_as_code(code: str) -> None:
    error = refused(lambda: applied(f"{code}:prepare", np.zeros((1, 2, 2, 3), np.uint8)))
    assert error.fact == (
        f"--preprocess {code}:prepare: for images of shape (1, 2, 2, 3) it raised ValueError: "
        f"cannot reshape array of size 12 into shape (7,13) ({code}.py, "
        f"line {line('np.reshape')})"
    )
    assert error.advice == (
        "Correct the code there: it must take an array of raw images, 0..255, and return the "
        "model's input."
    )


def test_a_mode_that_cannot_take_the_images_says_so() -> None:
    error = refused(lambda: applied("caffe", np.zeros((1, 2), np.uint8)))
    assert error.fact.startswith("--preprocess caffe: ")
    assert error.fact.endswith(" (images of shape (1, 2))")
    assert error.advice == (
        "The function must take an array of raw images, 0..255, and return the model's input."
    )


@pytest.mark.parametrize(
    ("depth", "told"), [(3, "TypeError: depth 3 is not supported"), (7, "RuntimeError: depth 7")]
)
def test_a_layer_that_raises_is_told_as_code_and_not_as_a_file(
    depth: int, told: str, code: str
) -> None:
    picky = importlib.import_module(code).Picky(name="picky")
    x = keras.Input((4,))
    model = keras.Model(x, picky(x))
    picky.depth = depth
    model.save("picky.keras")
    options = Options(custom_objects=code)
    error = refused(lambda: loader.load(parse("picky.keras"), options))
    assert isinstance(error, UnavailableError)  # what was read without Keras is still compared
    where = f"({code}.py, line {line(told.partition(': ')[2])})"
    assert error.fact == f"picky.keras: cannot be loaded: its code raised {told} {where}"
    if depth == 7:
        error = refused(lambda: run(model, [np.zeros((1, 4), np.float32)]))
        assert isinstance(error, UnavailableError)
        assert error.fact == (
            f"the model cannot be run on its probes: its code raised {told} {where}"
        )
        assert error.advice == (
            "Correct the code there, give inputs that it accepts with --probes FILE.npz, or choose "
            "--levels structure,weights."
        )


def test_what_keras_raises_by_itself_is_not_told_as_code(here: Path) -> None:
    with pytest.raises(Exception, match="nonsense") as caught:
        keras.layers.Dense(3)(keras.Input((4,)), nonsense=3)
    # This line called Keras, so it is the user's; without it nothing is.
    assert raised(caught.value.with_traceback(caught.tb.tb_next), str) is None


def test_an_installed_package_is_named_where_no_file_of_the_user_is(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = here / "site-packages"
    folder.mkdir()
    (folder / "their_package.py").write_text("def build():\n    raise OSError('no weights')\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "their_package", raising=False)
    error = refused(lambda: loader.load(parse("their_package:build"), Options()))
    assert error.fact == (
        "their_package:build raised OSError: no weights (site-packages/their_package.py, line 2)"
    )
