"""Models of thousands of layers are loaded, in a time that grows with their number."""

import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import keras
import pytest
from keras import layers as kl
from models import image_net, sequential_net

from fpcheck.loading.deep_models import CALLS, built_once
from fpcheck.model.source import Options, parse
from fpcheck.model.worker_client import WorkerClient

DEEP = 1200


@keras.saving.register_keras_serializable("tests")
class Counted(kl.Layer):
    """Counts how often it is called."""

    calls = 0

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        Counted.calls += 1
        return x


def test_a_sequential_is_built_once_where_it_is_read() -> None:
    model = keras.Sequential([keras.Input((4,)), *(Counted() for _ in range(30))])
    config = model.get_config()
    Counted.calls = 0
    with built_once():
        keras.Sequential.from_config(config)
    assert Counted.calls == 30
    keras.Sequential.from_config(config)
    assert Counted.calls > 400  # as Keras does it, which is put back


def late() -> keras.Model:
    return keras.Sequential([kl.Dense(3), kl.Dense(2)])


def built_late() -> keras.Model:
    model = late()
    model.build((None, 5))
    return model


def empty() -> keras.Model:
    return keras.Sequential(name="empty")


def headed_by_a_model() -> keras.Model:
    return keras.Sequential([image_net(), kl.Dense(2)])


MODELS = [sequential_net, late, built_late, empty, headed_by_a_model]


@pytest.mark.parametrize("make", MODELS)
def test_it_is_the_model_that_keras_builds(make: Callable[[], keras.Model]) -> None:
    config = make().get_config()
    plain = keras.Sequential.from_config(deepcopy(config))  # reading one takes it apart
    with built_once():
        once = keras.Sequential.from_config(config)
    assert type(once) is keras.Sequential
    assert (once.get_config(), once.built) == (plain.get_config(), plain.built)
    assert [w.shape for w in once.weights] == [w.shape for w in plain.weights]


def test_a_class_of_its_own_reads_itself() -> None:
    class Own(keras.Sequential):
        pass

    config = Own([keras.Input((4,)), kl.Dense(2)]).get_config()
    with built_once():
        assert type(Own.from_config(config)) is Own


def test_a_graph_deeper_than_python_allows_is_loaded(here: Path, worker: WorkerClient) -> None:
    allowed = sys.getrecursionlimit()
    assert allowed < DEEP
    sys.setrecursionlimit(CALLS)
    try:
        x = given = keras.Input((4,), name="x")
        for number in range(DEEP):
            x = kl.Identity(name=f"same_{number}")(x)
        keras.Model(given, x).save("deep.keras")
    finally:
        sys.setrecursionlimit(allowed)
    worker.open(parse("deep.keras"), Options())
    assert len(worker.model.structure().layers) == DEEP + 1
