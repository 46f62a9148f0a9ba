"""A function that gives other weights at each call is told as that, and not as a noisy model."""

from pathlib import Path

import numpy as np
import pytest

from fpcheck.codec import PathText
from fpcheck.errors import FpcheckError
from fpcheck.fingerprint.measurement import Measurement
from fpcheck.fingerprint.weights import measure
from fpcheck.model.source import Kind, Options, Source
from fpcheck.model.worker_client import WorkerClient
from fpcheck.workflows.output_noise import check_weights
from fpcheck.workflows.plan import RecordRequest
from fpcheck.workflows.record import record_source

BUILD = Source("theirs:build", Kind.CALLABLE, PathText("theirs:build"))
CODE = """
import keras
def build():
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(3)])
def seeded():
    keras.utils.set_random_seed(0)
    return build()
"""
TOLD = (
    "initialises its weights anew at each call: {count} tensors differ between two calls, so "
    "no later model could match\n"
    "Call keras.utils.set_random_seed(0) at the start of the function, or load trained weights in "
    "it."
)


def weights(*seeds: int, by: float = 0.0) -> tuple[Measurement, ...]:
    drawn = (np.random.default_rng(seed).normal(size=(6, 5)) for seed in seeds)
    return tuple(measure((values * (1 + by)).astype(np.float32), "float32") for values in drawn)


def test_equal_weights_and_such_as_other_arithmetic_rounds_are_the_same() -> None:
    check_weights(BUILD, weights(1, 2, 3), weights(1, 2, 3))
    check_weights(BUILD, weights(1, 2, 3), weights(1, 2, 3, by=1e-6))


@pytest.mark.parametrize(("second", "count"), [((1, 2, 4), "1 of 3"), ((4, 5, 6), "3 of 3")])
def test_other_weights_are_counted(second: tuple[int, ...], count: str) -> None:
    with pytest.raises(FpcheckError) as caught:
        check_weights(BUILD, weights(1, 2, 3), weights(*second))
    assert str(caught.value) == f"theirs:build: {TOLD.format(count=count)}"


def test_a_function_without_a_seed_is_not_recorded_and_one_with_a_seed_is(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "initialised.py").write_text(CODE)
    monkeypatch.setenv("PYTHONPATH", str(here), prepend=":")
    with WorkerClient() as worker:
        with pytest.raises(FpcheckError) as caught:
            record_source("initialised:build", RecordRequest(), Options(), worker)
        assert str(caught.value) == f"initialised:build: {TOLD.format(count='2 of 4')}"
        assert not (here / "fingerprints").exists()
        assert record_source("initialised:seeded", RecordRequest(), Options(), worker).stored
